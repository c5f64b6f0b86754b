"""What a host traces: each attempt at a turn with its outcome, and the nodes of its graph inside it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from foundation.clients.bus.valkey import ValkeyBus
from foundation.ids import show
from foundation.tenancy import Tenancy
from tests.support.scripted import Room, room, until
from tests.support.spans import Spans, kept_spans
from tests.support.tenants import make_tenant
from tests.unit.graphs.fakes import shop


@pytest.fixture
def spans() -> Iterator[Spans]:
    with kept_spans() as kept:
        yield kept


@pytest.fixture
async def behind(spans: Spans, tenancy: Tenancy, redis_url: str) -> AsyncIterator[Room]:
    bus = ValkeyBus(redis_url)
    async with room(tenancy, bus) as opened:
        yield opened
    await bus.close()


def facts(span: ReadableSpan) -> dict[str, object]:
    return {key.removeprefix("replik."): value for key, value in (span.attributes or {}).items()}


async def test_a_graphs_nodes_stand_in_the_turn_that_its_host_runs(
    behind: Room, spans: Spans, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, _ = shop("Du har 30 dagars öppet köp [1].")
    monkeypatch.setattr(behind.agent, "run", real.agent.run)
    address = await behind.open(await make_tenant(tenancy))
    await behind.say(address, "Hur lång är returtiden hos er?")
    await until(behind.reader, address, "done")
    await behind.host.idle()
    turn = spans.one("turn")
    assert facts(turn) | {"turn": None} == {
        "tenant": show("tenant", address.tenant_id),
        "conversation": show("conversation", address.conversation_id),
        "turn": None,
        "attempt": 1,
        "release": 1,
        "outcome": "answered",
        "confidence": 0.9,
    }
    nodes = [span for span in spans.all() if span.name.startswith("node ")]
    assert [facts(span)["node"] for span in nodes][-1] == "post-policy"
    assert turn.context is not None
    assert {span.parent and span.parent.span_id for span in nodes} == {turn.context.span_id}
    assert "returtid" not in spans.text()


async def test_a_crash_is_an_error_without_its_text(behind: Room, spans: Spans, tenancy: Tenancy) -> None:
    address = await behind.open(await make_tenant(tenancy))
    await behind.say(address, "crash")
    await until(behind.reader, address, "error")
    await behind.host.idle()
    turn = spans.one("turn")
    assert (facts(turn)["outcome"], facts(turn)["error.type"]) == ("failed", "agent_failed")
    assert turn.status.status_code is StatusCode.ERROR
    assert "planned" not in spans.text()


async def test_a_turn_that_a_person_takes_over_is_no_error(
    behind: Room, spans: Spans, tenancy: Tenancy
) -> None:
    behind.agent.gate.clear()
    address = await behind.open(await make_tenant(tenancy))
    await behind.say(address, "hej")
    await behind.agent.first_said.wait()
    await behind.mailbox.control(address, mode="human", said="En människa kommer.", actor="test")
    behind.agent.gate.set()
    await behind.host.idle()
    assert "outcome" not in facts(spans.one("turn"))
    assert spans.one("turn").status.status_code is StatusCode.UNSET
