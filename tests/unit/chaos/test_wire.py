"""The raw client: what arrives is understood, in whatever pieces it comes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.chaos.wire import GONE, Connection, Event, connected

STREAM = (
    b": hello\n\n"
    b'id: 1.1.0.0\nevent: accepted\ndata: {"text":"Hej"}\n\n'
    b": hb\n\n"
    b'id: 1.1.1.1\nevent: delta\ndata: {"text":"a: b"}\n\n'
)
EVENTS = [Event("1.1.0.0", "accepted", {"text": "Hej"}), Event("1.1.1.1", "delta", {"text": "a: b"})]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(pieces: Sequence[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[Connection]:
    """Yield a connection to a server that gives this answer and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connected("127.0.0.1", server.sockets[0].getsockname()[1]) as connection:
        yield connection


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1_000])
async def test_events_arrive_whole_however_they_are_cut(size: int) -> None:
    pieces = [STREAM[begin : begin + size] for begin in range(0, len(STREAM), size)]
    async with answering(HEAD + chunked(pieces)) as connection:
        assert [event async for event in connection.events("/events", {})] == EVENTS


async def test_an_event_that_is_cut_off_is_not_seen() -> None:
    async with answering(HEAD + chunked([STREAM[:-1]])[:-5]) as connection:
        events = connection.events("/events", {})
        assert await anext(events) == EVENTS[0]
        with pytest.raises(GONE):
            await anext(events)


async def test_a_stream_that_is_refused_is_no_stream() -> None:
    async with answering(b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n") as connection:
        with pytest.raises(ValueError, match="503"):
            await anext(connection.events("/events", {}))


async def test_a_refusal_says_when_to_come_back() -> None:
    body = b'{"code":"queue_full"}'
    head = b"HTTP/1.1 429 Too Many\r\ncontent-type: application/problem+json\r\nretry-after: 2\r\n"
    async with answering(head + b"content-length: %d\r\n\r\n%s" % (len(body), body)) as connection:
        answer = await connection.request("POST", "/messages", {}, {"text": "Hej"})
    assert (answer.status, answer.body, answer.retry_after_s) == (429, {"code": "queue_full"}, 2.0)
