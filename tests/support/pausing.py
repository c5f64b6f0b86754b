"""A procedure that asks: nodes for tests, the graphs of them, and turns as a conversation takes them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import text

from agents.checkpoints import BufferingSaver, Checkpoints
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.database.engine import connect
from foundation.ids import ConversationId, TenantId, TurnId, new_uuid
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Delta, Failure, ReplyEvent, Turn, Value
from graphs.agent import Agent
from graphs.config import GraphConfig
from graphs.handover import NeedsPerson
from graphs.pauses import ask
from graphs.ports import Ports
from graphs.registry import NoOptions, node
from graphs.state import TurnState
from tests.unit.graphs.fakes import shop

KEY = "5e" * 32
NESTED: dict[str, object] = {
    "order": {"lines": [{"sku": "T-1", "price": 1299.5, "gift": False}, None], "note": "Åsa's"},
    "__interrupt__": [],
}


class LookUpOptions(Value):
    says: str = ""


@node("test-look-up", options=LookUpOptions)
async def look_up(_state: TurnState, runtime: Runtime[Ports], options: LookUpOptions) -> TurnState:
    """Leave nested JSON in the state, and say something if it is told to."""
    if options.says:
        runtime.stream_writer(Delta(text=options.says))
    return {"policies": [NESTED], "answer": options.says}


class AskOptions(Value):
    questions: tuple[str, ...] = ("Vilket ordernummer?",)


@node("test-ask", options=AskOptions, pauses=True)
async def ask_all(state: TurnState, runtime: Runtime[Ports], options: AskOptions) -> TurnState:
    """Ask each question, unless the customer wants none, and repeat the answers."""
    if state["text"] == "inga frågor":
        said = "Då så."
    else:
        answers = [ask(question) for question in options.questions]
        if "krascha" in answers:
            raise RuntimeError("planned")
        if "person" in answers:
            raise NeedsPerson
        if "vänta" in answers:
            runtime.stream_writer(Delta(text="Ett ögonblick."))
            await asyncio.Event().wait()
        assert state["policies"] == [NESTED]
        said = " och ".join(answers)
    runtime.stream_writer(Delta(text=said))
    return {"answer": state["answer"] + said, "outcome": "answered"}


@node("test-spoil", options=NoOptions)
async def spoil(state: TurnState, _runtime: Runtime[Ports], _options: NoOptions) -> TurnState:
    """Leave what is no JSON, named by the customer."""
    bad: dict[str, object] = {
        "uuid": new_uuid(),
        "tuple": (1, 2),
        "set": {1},
        "value": LookUpOptions(),
        "number key": {1: 2},
        "nan": float("nan"),
    }
    return {"passages": [{"bad": bad[state["text"]]}]}


def asking(*questions: str, version: int = 1, first: str = "test-look-up", says: str = "") -> GraphConfig:
    """Return a graph of one node before the one that asks."""
    options: dict[str, Any] = {"says": says} if first == "test-look-up" else {}
    return GraphConfig.model_validate(
        {
            "name": "exchange",
            "version": version,
            "nodes": {
                "first": {"use": first, "options": options},
                "ask": {
                    "use": "test-ask",
                    "options": {"questions": list(questions) or ["Vilket ordernummer?"]},
                },
            },
            "edges": [
                {"from": "start", "to": "first"},
                {"from": "first", "to": "ask"},
                {"from": "ask", "to": "end"},
            ],
        }
    )


@dataclass
class Desk:
    """One host's rooms around a conversation's procedure: it commits as a conversation does."""

    tenancy: Tenancy
    address: Address
    config: GraphConfig = field(default_factory=asking)
    release: int = 1

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.tenancy, Sealer.of(KEY))
        self.agent = Agent(self.config, shop()[0].ports)

    async def saver(self) -> BufferingSaver:
        return self.checkpoints.open(self.address, had_thread=await self.rows() > 0)

    def turn(self, said: str) -> Turn:
        return Turn(
            tenant_id=self.address.tenant_id,
            conversation_id=self.address.conversation_id,
            turn_id=TurnId(new_uuid()),
            text=said,
            language="sv",
            release=self.release,
        )

    async def say(self, said: str) -> Answer | Failure:
        """Take a turn and commit what it leaves."""
        return (await self.events(said))[1]

    async def events(self, said: str) -> tuple[list[ReplyEvent], Answer | Failure]:
        saver = await self.saver()
        async with aclosing(self.agent.run(self.turn(said), saver)) as run:
            events = [event async for event in run]
        last = events[-1]
        assert isinstance(last, Answer | Failure)
        if isinstance(last, Answer):
            async with self.tenancy.session(self.address.tenant_id) as session:
                await saver.settle(session)
        return events, last

    async def rows(self) -> int:
        """Return how many checkpoints the tenant has stored."""
        return len(await self.payloads())

    async def payloads(self) -> list[bytes]:
        async with self.tenancy.session(self.address.tenant_id) as session:
            found = await session.execute(text("select payload from checkpoints order by conversation_id"))
            return [bytes(payload) for payload in found.scalars()]

    @asynccontextmanager
    async def elsewhere(
        self, config: GraphConfig | None = None, *, release: int = 1
    ) -> AsyncIterator["Desk"]:
        """Yield what another host has: the same database, and nothing else."""
        engine = connect(self.tenancy.engine.url.render_as_string(hide_password=False))
        try:
            yield Desk(Tenancy(engine), self.address, config or self.config, release)
        finally:
            await engine.dispose()


async def add_conversation(
    tenancy: Tenancy, tenant_id: TenantId, conversation_id: ConversationId | None = None
) -> Address:
    """Add a conversation, unless it is there; return where it is."""
    address = Address(tenant_id, conversation_id or ConversationId(new_uuid()))
    async with tenancy.session(tenant_id) as session:
        ids = {"tenant": tenant_id, "id": address.conversation_id}
        await session.execute(text(_ADD_CONVERSATION), ids)
        await session.execute(text(_ADD_ACTIVATION), ids)
    return address


_ADD_CONVERSATION = (
    "insert into conversations (tenant_id, id, channel) values (:tenant, :id, 'widget')"
    " on conflict do nothing"
)
_ADD_ACTIVATION = (
    "insert into activations (tenant_id, conversation_id) values (:tenant, :id) on conflict do nothing"
)
