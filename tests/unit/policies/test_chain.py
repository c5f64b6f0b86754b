"""Rules in order, and what follows from each mode."""

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from foundation.clients.embedding.port import Vectors
from graphs.policies import pattern
from graphs.policies.chain import Chain
from graphs.policies.port import Said
from graphs.policies.rules import KINDS, Rule


def rule(kind: str, **fields: object) -> Rule:
    return Rule.model_validate({"kind": kind, **fields})


async def test_rules_run_by_priority_and_a_block_ends_the_chain() -> None:
    chain = Chain(
        [
            rule("topic", id="late", priority=50, mode="block", options={"deny_words": ["vapen"]}),
            rule("pattern", id="early", priority=10, options={"pattern": "vapen"}),
            rule("topic", id="never", priority=60, mode="block", options={"deny_words": ["vapen"]}),
        ]
    )
    judged = await chain.before("Säljer ni vapen?", "sv")
    assert [(each.policy, each.action) for each in judged.decisions] == [("early", "flag"), ("late", "block")]
    assert judged.verdict is not None
    assert judged.verdict.spans == ((10, 15),)


async def test_redaction_comes_before_later_rules_and_covers_the_history() -> None:
    chain = Chain([rule("pii", priority=1), rule("pattern", priority=2, options={"pattern": "073"})])
    judged = await chain.before("Och 073-123 45 67?", "sv", history=["Ring 073-123 45 67."])
    assert judged.text == "Och [telefon 1]?"
    assert judged.history == ("Ring [telefon 1].",)
    assert [each.rule for each in judged.decisions] == ["pii"]
    assert "073" not in str(judged.decisions)


async def test_what_is_off_does_not_run_and_each_stage_has_its_own_rules() -> None:
    chain = Chain(
        [
            rule("topic", enabled=False, options={"deny_words": ["vapen"]}),
            rule("topic", stage="after", options={"deny_words": ["vapen"]}),
        ]
    )
    assert (await chain.before("vapen", "sv")).decisions == ()
    assert chain.after(Said("Vi har vapen.", "sv")).verdict is not None


async def test_a_handover_is_a_verdict() -> None:
    chain = Chain([rule("language", mode="handover", options={"allow": ["sv", "en"]})])
    verdict = (await chain.before("Hvor er pakken min?", "nb")).verdict
    assert verdict is not None
    assert (verdict.action, verdict.reason) == ("handover", "nb")


class Alike:
    """Every text means the same."""

    model, dimensions = "alike", 1

    async def queries(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 1), dtype=np.float32)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return await self.queries(texts)


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"mode": "block"}, "flag"),
        ({"mode": "handover"}, "handover"),
        ({"mode": "block", "options": {"decide": True, "deny_examples": ["Vem vinner valet?"]}}, "block"),
    ],
)
async def test_a_guess_never_blocks_unless_it_is_told_to(fields: dict[str, object], action: str) -> None:
    chain = Chain([rule("topic", **{"options": {"deny_examples": ["Vem vinner valet?"]}, **fields})])
    judged = await chain.before("Vad tycker du?", "sv", embedder=Alike())
    assert [each.action for each in judged.decisions] == [action]


async def test_meanings_need_an_embedder() -> None:
    chain = Chain([rule("topic", options={"deny_examples": ["Vem vinner valet?"]})])
    assert (await chain.before("Vad tycker du?", "sv")).decisions == ()


def test_a_rewrite_may_leave_nothing() -> None:
    chain = Chain([rule("length", options={"answer": 20})])
    first = Said("Du har 60 dagar.", "sv")
    assert chain.after(first).text == first.text
    assert chain.after(Said("Frakten är fri.", "sv", before=first.text)).text == ""


def test_one_rule_can_take_the_whole_answer() -> None:
    taking = rule("topic", id="t", scope="answer", options={"deny_words": ["vapen"]})
    chain = Chain([taking])
    verdict = chain.after(Said("Vapen finns.", "sv")).verdict
    assert verdict is not None
    assert chain.buffers
    assert chain.takes_all(verdict)
    assert not Chain([rule("topic", options={"deny_words": ["vapen"]})]).buffers


async def test_a_pattern_that_runs_away_ends_at_its_deadline_and_blocks_nobody() -> None:
    runaway = rule("pattern", mode="block", options={"pattern": "(a+)+$"})
    judged = await Chain([runaway]).before("a" * 2_000 + "!", "sv")
    assert [(each.action, each.reason) for each in judged.decisions] == [("flag", "timeout")]
    assert pattern.is_slow(pattern.Options(pattern="(a+)+$"))
    assert not pattern.is_slow(pattern.Options(pattern=r"\bORD-\d{6}\b"))


def test_a_companys_own_number_stays_in_its_answers_unless_it_says_otherwise() -> None:
    said = Said("Ring oss på 08-123 456 78.", "sv")
    assert Chain([rule("pii")]).after(said).text == said.text
    assert Chain([rule("pii", options={"cited": True})]).after(said).text == "Ring oss på […]."


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "topic", "mode": "redact"}, "topic cannot redact"),
        ({"kind": "promise", "stage": "before"}, "promise judges only after"),
        ({"kind": "language"}, "allow"),
        ({"kind": "pii", "options": {"kinds": ["shoes"]}}, "kinds"),
        ({"kind": "length", "options": {"anser": 3}}, "anser"),
        ({"kind": "pattern", "options": {"pattern": "("}}, "not a regular expression"),
        ({"kind": "pattern", "options": {"pattern": "a*"}}, "empty text"),
    ],
)
def test_a_rule_that_does_not_fit_its_kind_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Rule.model_validate(fields)


def test_every_kind_can_be_made_with_its_first_mode() -> None:
    needed = {"pattern": {"pattern": "x"}, "language": {"allow": ["sv"]}, "disclaimer": {"text": {"sv": "x"}}}
    for kind in KINDS:
        assert rule(kind, options=needed.get(kind, {})).acts == KINDS[kind].modes[0]
