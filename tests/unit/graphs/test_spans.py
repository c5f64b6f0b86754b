"""A traced turn: a span for it, a child for each node, and no word of what was said."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from foundation.errors import ModelFailed
from foundation.ids import show
from foundation.telemetry import turn_span
from foundation.turns import Answer, Failure, Turn
from tests.support.spans import Spans, kept_spans
from tests.unit.graphs.fakes import Shop, shop, turn

QUESTION = "Hur lång är returtiden hos er?"
NODES = [
    "policy",
    "smalltalk",
    "query",
    "approved",
    "cached",
    "retrieve",
    "confidence",
    "generate",
    "post-policy",
]


@pytest.fixture
def spans() -> Iterator[Spans]:
    with kept_spans() as kept:
        yield kept


async def traced(agent: Shop, asked: Turn) -> Answer | Failure:
    """Run a turn as a conversation does; return its last word."""
    with turn_span(asked) as span:
        events = [event async for event in agent.agent.run(asked)]
        final = events[-1]
        assert isinstance(final, Answer | Failure)
        span.ended(final)
    return final


def fact(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(f"replik.{name}")


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


async def test_every_node_is_a_child_of_its_turn(spans: Spans) -> None:
    agent, _ = shop("Du har 30 dagars öppet köp [1].")
    asked = turn(QUESTION)
    await traced(agent, asked)
    whole = spans.one("turn")
    assert parent_of(whole) is None
    assert {key: fact(whole, key) for key in ("tenant", "conversation", "turn", "attempt")} == {
        "tenant": show("tenant", asked.tenant_id),
        "conversation": show("conversation", asked.conversation_id),
        "turn": show("turn", asked.turn_id),
        "attempt": 1,
    }
    assert (fact(whole, "outcome"), fact(whole, "confidence")) == ("answered", 0.9)
    nodes = [span for span in spans.all() if span is not whole and span.name != "turn"]
    assert [span.name for span in nodes] == [f"node {name}" for name in NODES]
    assert {parent_of(span) for span in nodes} == {whole.context and whole.context.span_id}
    assert [fact(span, "node") for span in nodes] == NODES
    config = agent.config
    assert {fact(span, "graph") for span in nodes} == {f"{config.name}@{config.version}"}
    assert [fact(span, "route") for span in nodes] == [
        "continue",
        "question",
        "next",
        "none",
        "none",
        "found",
        "confident",
        "written",
        "answered",
    ]


async def test_turns_at_the_same_time_do_not_mix(spans: Spans) -> None:
    agent, _ = shop("Du har 30 dagars öppet köp [1].")
    asked = [turn(QUESTION) for _ in range(5)]
    await asyncio.gather(*(traced(agent, one) for one in asked))
    turns = {span.context.span_id: span for span in spans.all() if span.name == "turn" and span.context}
    children = [parent_of(span) for span in spans.all() if span.name != "turn"]
    assert {fact(span, "turn") for span in turns.values()} == {show("turn", one.turn_id) for one in asked}
    assert all(children.count(span_id) == len(NODES) for span_id in turns)


async def test_no_word_that_was_said_or_written_is_in_a_span(spans: Spans) -> None:
    agent, _ = shop("Du har 30 dagars öppet köp [1].")
    await traced(agent, turn("Jag heter Xerxes, hur lång är returtiden?"))
    agent.retriever.error = RuntimeError("no Xerxes in returtiden")
    with pytest.raises(RuntimeError):
        await traced(agent, turn("Jag heter Xerxes, hur lång är returtiden?"))
    exported = spans.text()
    assert [word for word in ("Xerxes", "returtid", "öppet", "dagar", "Villkor") if word in exported] == []


async def test_a_node_that_crashes_marks_itself_and_its_turn(spans: Spans) -> None:
    agent, _ = shop("Ja.")
    agent.retriever.error = ZeroDivisionError("secret")
    with pytest.raises(ZeroDivisionError):
        await traced(agent, turn(QUESTION))
    for name in ("node retrieve", "turn"):
        span = spans.one(name)
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
        assert (span.attributes or {})["error.type"] == "ZeroDivisionError"
        assert span.events == ()
    assert spans.one("node policy").status.status_code is StatusCode.UNSET


async def test_a_failed_model_is_a_failed_turn(spans: Spans) -> None:
    agent, _ = shop("Du har 30 dagars ", ModelFailed(reason="timeout"))
    assert isinstance(await traced(agent, turn(QUESTION)), Failure)
    whole = spans.one("turn")
    assert (fact(whole, "outcome"), (whole.attributes or {})["error.type"]) == ("failed", "model_failed")
    assert whole.status.status_code is StatusCode.ERROR
    assert fact(spans.one("node generate"), "route") == "failed"
