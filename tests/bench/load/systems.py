"""The systems under load, as the client sees them: how a turn is asked for, and what its answer must say."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from tests.bench.load.cpu import Parts, nothing
from tests.bench.load.http import Connection, Exchange
from tests.light.graph import answer, sentence

MARK = b"Sentence 1 of"
"""Stands in the first streamed sentence of every system."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a turn's stream said, read after the round."""

    streamed: list[str]
    """The sentences in the order in which they came."""
    final: str | None
    """The authoritative text, where a system has one."""
    ids: list[str]

    @property
    def is_unstreamed(self) -> bool:
        return self.final is not None and not self.streamed


class System(Protocol):
    """One system: where it is, of what it consists, and how many sentences an answer has."""

    @property
    def name(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def sentences(self) -> int: ...
    @property
    def parts(self) -> Parts: ...
    @property
    def has_final(self) -> bool:
        """Whether it ends with the whole text."""
        ...

    async def ask(self, connection: Connection, conversation: str | None, text: str, key: str) -> Exchange:
        """Run one turn; no conversation starts one."""
        ...

    def conversation_of(self, exchange: Exchange) -> str:
        """Return the conversation that the turn was in."""
        ...

    def read(self, exchange: Exchange) -> Heard:
        """Read an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Replik:
    """Ours, through the server API."""

    port: int
    server_key: str
    sentences: int
    parts: Parts = nothing
    name: str = "replik"
    has_final: bool = True

    async def ask(self, connection: Connection, conversation: str | None, text: str, key: str) -> Exchange:
        body = {"message": text, "client_message_id": key}
        if conversation is not None:
            body["conversation_id"] = conversation
        headers = b"Authorization: Bearer %s\r\n" % self.server_key.encode()
        return await connection.post("/api/chat/stream", json.dumps(body).encode(), headers, MARK)

    def conversation_of(self, exchange: Exchange) -> str:
        conversation = exchange.header("replik-conversation")
        assert conversation is not None
        return conversation

    def read(self, exchange: Exchange) -> Heard:
        heard = Heard([], None, [])
        for fields in events_of(exchange.body()):
            data = json.loads(fields["data"])
            heard.ids.append(fields["id"])
            match fields["event"]:
                case "delta":
                    heard.streamed.append(data["text"])
                case "reset":
                    heard.streamed.clear()
                case "message":
                    heard = Heard(heard.streamed, data["text"], heard.ids)
                case "error":
                    raise ValueError(f"a turn failed: {data}")
        return heard


@dataclass(frozen=True, slots=True)
class Bare:
    """FastAPI, the same graph and the stock saver in one process: `tests.bench.bare`."""

    port: int
    sentences: int
    parts: Parts = nothing
    name: str = "bare"
    has_final: bool = True

    async def ask(self, connection: Connection, conversation: str | None, text: str, key: str) -> Exchange:
        body = {"thread_id": conversation or key, "message": text, "sentences": self.sentences}
        return await connection.post("/chat/stream", json.dumps(body).encode(), b"", MARK)

    def conversation_of(self, exchange: Exchange) -> str:
        conversation = exchange.header("thread")
        assert conversation is not None
        return conversation

    def read(self, exchange: Exchange) -> Heard:
        events = [json.loads(fields["data"]) for fields in events_of(exchange.body())]
        return Heard([event["delta"] for event in events if "delta" in event], events[-1]["answer"], [])


@dataclass(frozen=True, slots=True)
class LangGraphDev:
    """The LangGraph development server with the same graph."""

    port: int
    sentences: int
    parts: Parts = nothing
    name: str = "langgraph_dev"
    has_final: bool = False

    async def ask(self, connection: Connection, conversation: str | None, text: str, key: str) -> Exchange:
        body = {
            "assistant_id": "light",
            "input": {"text": text, "sentences": self.sentences},
            "stream_mode": ["custom"],
            "if_not_exists": "create",
        }
        path = f"/threads/{conversation or uuid4()}/runs/stream"
        return await connection.post(path, json.dumps(body).encode(), b"", MARK)

    def conversation_of(self, exchange: Exchange) -> str:
        location = exchange.header("content-location")
        assert location is not None
        return location.split("/")[2]

    def read(self, exchange: Exchange) -> Heard:
        events = list(events_of(exchange.body()))
        said = [json.loads(fields["data"]) for fields in events if fields["event"] == "custom"]
        return Heard(said, None, [])


def fault(system: System, heard: Heard, text: str) -> str | None:
    """Return what is wrong with an answer, None if it is whole, in order, and without repeats.

    A final text without streamed sentences is whole too: it was ready before its reader was. Those are
    counted apart, since a run in which they are many does not measure streaming.
    """
    # Ours may merge sentences that are ready at the same time; what is said counts.
    expected = "".join(sentence(text, number) for number in range(1, system.sentences + 1))
    if not heard.is_unstreamed and "".join(heard.streamed) != expected:
        return f"{system.name} streamed {heard.streamed!r} to {text!r}"
    if system.has_final and heard.final != answer(text, system.sentences):
        return f"{system.name} finally said {heard.final!r} to {text!r}"
    if len(set(heard.ids)) != len(heard.ids):
        return f"{system.name} repeated an event id in {heard.ids!r}"
    return None


def events_of(body: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of each server-sent event; both line ends are in use."""
    for block in body.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            yield fields
