"""Procedures that ask and go on, on the real database."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph._internal import _serde
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
)
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import BASE_CAPABILITIES, Capability
from sqlalchemy import text

from agents.checkpoints import BufferingSaver
from agents.unfinished import Unfinished, forget
from foundation.crypto import Sealer
from foundation.ids import ConversationId, TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Cited, Delta
from graphs.config import load_config
from graphs.handover import NeedsPerson, ProcedureOutdated, ProcedureUnreadable
from graphs.pauses import Version
from tests.support.pausing import KEY, Desk, add_conversation, asking
from tests.support.tenants import make_tenant


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


@pytest.fixture
async def desk(tenancy: Tenancy, tenant_id: TenantId) -> Desk:
    return Desk(tenancy, await add_conversation(tenancy, tenant_id))


class WrittenThrough(BufferingSaver):
    """Empties its buffer into the database after each call, so that every read is from there."""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        conversation_id = ConversationId(UUID(config["configurable"]["thread_id"]))
        await add_conversation(self._rows.tenancy, self._address.tenant_id, conversation_id)
        put = await super().aput(config, checkpoint, metadata, new_versions)
        await self._empty()
        return put

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await super().aput_writes(config, writes, task_id, task_path)
        await self._empty()

    async def adelete_thread(self, thread_id: str) -> None:
        await super().adelete_thread(thread_id)
        await self._empty()

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await super().aprune(thread_ids, strategy=strategy)
        await self._empty()

    async def _empty(self) -> None:
        async with self._rows.tenancy.session(self._address.tenant_id) as session:
            for statement in self.changes():
                await statement.execute(session)
        self._threads.clear()


@pytest.mark.parametrize("kind", [BufferingSaver, WrittenThrough])
async def test_the_saver_conforms(tenancy: Tenancy, tenant_id: TenantId, kind: type[BufferingSaver]) -> None:
    address = await add_conversation(tenancy, tenant_id)

    @checkpointer_test(name=kind.__name__)
    async def ours() -> AsyncGenerator[BaseCheckpointSaver[int], None]:
        saver = kind(Unfinished(tenancy, Sealer.of(KEY)), address, had_thread=True)
        saver.begin(Version(1, "conformance@1"))
        yield saver

    report = await validate(ours)
    assert {name: result.failures for name, result in report.results.items() if result.failures} == {}
    passed = {Capability(name) for name, result in report.results.items() if result.passed}
    assert passed == BASE_CAPABILITIES | {Capability.PRUNE}
    assert report.passed_all_base()


async def test_another_host_goes_on_where_the_first_stopped(desk: Desk) -> None:
    asked = await desk.say("Jag vill byta storlek")
    assert isinstance(asked, Answer)
    assert (asked.text, asked.outcome) == ("Vilket ordernummer?", "asked")
    assert await desk.rows() == 1
    async with desk.elsewhere() as other:
        answer = await other.say("A-17")
        assert isinstance(answer, Answer)
        assert (answer.text, answer.outcome, answer.language) == ("A-17", "answered", "sv")
        assert other.agent is not desk.agent
    assert await desk.rows() == 0


async def test_each_answer_may_reach_another_host(desk: Desk) -> None:
    config = asking("Vilket ordernummer?", "Vilken storlek?", "Vart?")
    sizes = []
    for said, expected in (
        ("Byt", "Vilket ordernummer?"),
        ("A-17", "Vilken storlek?"),
        ("42", "Vart?"),
        ("Lund", "A-17 och 42 och Lund"),
    ):
        async with desk.elsewhere(config) as other:
            answer = await other.say(said)
            assert isinstance(answer, Answer)
            assert answer.text == expected
            sizes.append(sum(map(len, await other.payloads())))
    assert sizes[-1] == 0
    assert sizes[2] - sizes[1] < 200  # one more answer, not one more checkpoint


async def test_an_answer_is_what_its_own_turn_has_shown(desk: Desk) -> None:
    async with desk.elsewhere(asking(says="Jag ser din order.")) as other:
        for said, expected in (
            ("Byt", "Jag ser din order.\n\nVilket ordernummer?"),
            ("A-17", "A-17"),
        ):
            events, answer = await other.events(said)
            assert isinstance(answer, Answer)
            assert answer.text == expected
            assert "".join(event.text for event in events if isinstance(event, Delta)) == expected
            assert not any(isinstance(event, Cited) for event in events)


async def test_a_procedure_that_was_finished_starts_anew(desk: Desk) -> None:
    for _ in range(2):
        assert (await desk.say("Byt")).text == "Vilket ordernummer?"
        assert (await desk.say("A-17")).text == "A-17"
        assert await desk.rows() == 0


async def test_plain_turns_leave_and_read_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk.elsewhere(load_config()) as plain:
        for _ in range(50):
            saver = plain.checkpoints.open(plain.address, had_thread=False)
            events = [event async for event in plain.agent.run(plain.turn("hej"), saver)]
            assert isinstance(events[-1], Answer)
            assert saver.settlement() == ()
            assert [thread.kept for thread in saver._threads.values()] == [{}]
    assert await desk.rows() == 0


async def test_a_procedure_that_does_not_ask_leaves_nothing(desk: Desk) -> None:
    for _ in range(50):
        assert (await desk.say("inga frågor")).text == "Då så."
    saver = desk.checkpoints.open(desk.address, had_thread=False)
    assert [event async for event in desk.agent.run(desk.turn("inga frågor"), saver)]
    assert saver.settlement() == ()
    assert await desk.rows() == 0


async def test_a_crash_leaves_what_was_there_before(desk: Desk) -> None:
    await desk.say("Byt")
    before = await desk.payloads()
    with pytest.raises(RuntimeError, match="planned"):
        await desk.say("krascha")
    assert await desk.payloads() == before
    assert (await desk.say("A-17")).text == "A-17"


async def test_a_run_whose_end_nobody_commits_leaves_nothing(desk: Desk) -> None:
    saver = await desk.saver()
    assert [event async for event in desk.agent.run(desk.turn("Byt"), saver)]
    assert saver.waits
    assert await desk.rows() == 0


async def test_a_cancelled_run_leaves_what_was_there_before(desk: Desk) -> None:
    await desk.say("Byt")
    before = await desk.payloads()
    speaks = asyncio.Event()

    async def listen(saver: BufferingSaver) -> None:
        async with aclosing(desk.agent.run(desk.turn("vänta"), saver)) as run:
            async for _ in run:
                speaks.set()

    running = asyncio.create_task(listen(await desk.saver()))
    await speaks.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await desk.payloads() == before
    assert (await desk.say("A-17")).text == "A-17"


async def test_what_needs_a_person_is_not_made_an_apology(desk: Desk) -> None:
    await desk.say("Byt")
    with pytest.raises(NeedsPerson):
        await desk.say("person")


async def test_nothing_is_written_when_the_commits_condition_fails(desk: Desk) -> None:
    for condition, rows in (("false", 0), ("true", 1)):
        saver = await desk.saver()
        assert [event async for event in desk.agent.run(desk.turn("Byt"), saver)]
        assert saver.waits
        async with desk.tenancy.session(desk.address.tenant_id) as session:
            for statement in saver.settlement(condition):
                await statement.execute(session)
        assert await desk.rows() == rows
    async with desk.tenancy.session(desk.address.tenant_id) as session:
        await forget(desk.address, "false").execute(session)
    assert await desk.rows() == 1
    async with desk.tenancy.session(desk.address.tenant_id) as session:
        await forget(desk.address).execute(session)
    assert await desk.rows() == 0


@pytest.mark.parametrize("change", ["graph", "release", "plain graph"])
async def test_a_procedure_is_not_resumed_by_another_version(desk: Desk, change: str) -> None:
    await desk.say("Byt")
    config = {"graph": asking(version=2), "release": asking(), "plain graph": load_config()}[change]
    async with desk.elsewhere(config, release=2 if change == "release" else 1) as other:
        with pytest.raises(ProcedureOutdated) as raised:
            await other.say("A-17")
    assert raised.value.data == {"graph": "exchange@1", "release": 1}
    assert await desk.rows() == 1


async def test_an_altered_row_is_refused(desk: Desk) -> None:
    await desk.say("Byt")
    for change in (
        "payload = set_byte(payload, 60, get_byte(payload, 60) # 1)",
        "payload = substring(payload from 1 for 40)",
        "graph = 'exchange@2'",
        "release = 2",
    ):
        async with desk.tenancy.session(desk.address.tenant_id) as session:
            savepoint = await session.begin_nested()
            kept = (await session.execute(text("select release, graph, payload from checkpoints"))).one()
            await savepoint.commit()
            await session.execute(text(f"update checkpoints set {change}"))
        with pytest.raises(ProcedureUnreadable):
            await desk.say("A-17")
        async with desk.tenancy.session(desk.address.tenant_id) as session:
            await session.execute(
                text("update checkpoints set release = :release, graph = :graph, payload = :payload"),
                dict(kept._mapping),
            )
    assert (await desk.say("A-17")).text == "A-17"


async def test_another_conversations_or_tenants_row_is_refused(desk: Desk) -> None:
    await desk.say("Byt")
    [payload] = await desk.payloads()
    for tenant_id in (desk.address.tenant_id, await make_tenant(desk.tenancy)):
        other = Desk(desk.tenancy, await add_conversation(desk.tenancy, tenant_id))
        async with desk.tenancy.session(tenant_id) as session:
            await session.execute(
                text(
                    "insert into checkpoints (tenant_id, conversation_id, release, graph, payload)"
                    " values (:tenant, :conversation, 1, 'exchange@1', :payload)"
                ),
                {
                    "tenant": tenant_id,
                    "conversation": other.address.conversation_id,
                    "payload": payload,
                },
            )
        with pytest.raises(ProcedureUnreadable):
            await other.say("A-17")


async def test_what_customers_say_is_not_readable_in_the_row(desk: Desk) -> None:
    await desk.say("Byt till Åsa Öbergs storlek")
    [payload] = await desk.payloads()
    assert b"storlek" not in payload
    assert b"ordernummer" not in payload


async def test_a_deleted_conversation_takes_its_procedure_with_it(desk: Desk) -> None:
    await desk.say("Byt")
    async with desk.tenancy.session(desk.address.tenant_id) as session:
        await session.execute(text("delete from conversations"))
    assert await desk.rows() == 0


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("bad", ["uuid", "tuple", "set", "value", "number key", "nan"])
async def test_state_that_is_not_json_is_refused_before_it_is_stored(
    desk: Desk, bad: str, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_serde, "STRICT_MSGPACK_ENABLED", strict)
    async with desk.elsewhere(asking(first="test-spoil")) as other:
        with pytest.raises(TypeError, match="the state 'passages' is not made of JSON values only"):
            await other.say(bad)
    assert await desk.rows() == 0


async def test_strict_msgpack_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_serde, "STRICT_MSGPACK_ENABLED", True)
    async with desk.elsewhere(asking("Vad?", version=7)) as other:
        assert (await other.say("Byt")).text == "Vad?"
        assert (await other.say("A-17")).text == "A-17"
