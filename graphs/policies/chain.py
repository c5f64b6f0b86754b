"""The policy chain: rules in order, each one's finding turned into a decision. Reads top to bottom."""

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from foundation.clients.embedding.port import Embedder
from foundation.turns import Language
from graphs.policies import disclaimer
from graphs.policies.port import Action, Asked, Decision, Finding, Mode, Said, Stage
from graphs.policies.rules import KINDS, Rule, disclaimer_of


@dataclass(frozen=True, slots=True)
class Judged:
    """A text after the chain: as it may be used, and what was decided on the way."""

    text: str
    decisions: tuple[Decision, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def verdict(self) -> Decision | None:
        """The decision that stopped the chain, if one did."""
        return next((each for each in self.decisions if each.action in ("block", "handover")), None)


class Chain:
    """The rules of one tenant's release with those of its graph."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple(sorted((rule for rule in rules if rule.enabled), key=lambda rule: rule.priority))

    @property
    def buffers(self) -> bool:
        """Whether a rule may take a whole answer away, so that nothing of it may be shown before its end."""
        return any(rule.scope == "answer" and rule.judges("after") for rule in self._rules)

    async def before(
        self, text: str, language: Language, *, history: Sequence[str] = (), embedder: Embedder | None = None
    ) -> Judged:
        """Judge what a customer wrote; `history` are their earlier texts, which are redacted alike."""
        asked = Asked(text, language, tuple(history), embedder)
        decisions: list[Decision] = []
        for rule in self._rules:
            judge = KINDS[rule.kind].before
            if judge is None or not rule.judges("before"):
                continue
            found = judge(asked, rule.checked)
            finding = await found if inspect.isawaitable(found) else found
            if finding is None:
                continue
            decision = _decided(rule, finding, "before")
            decisions.append(decision)
            if decision.action in ("redact", "rewrite") and finding.replaced is not None:
                asked = replace(asked, text=finding.replaced, history=finding.history or asked.history)
            if decision.action in ("block", "handover"):
                break
        return Judged(asked.text, tuple(decisions), asked.history)

    def after(self, said: Said) -> Judged:
        """Judge a unit of an answer. Rewritten to nothing means that it is left out."""
        decisions: list[Decision] = []
        for rule in self._rules:
            judge = KINDS[rule.kind].after
            if judge is None or not rule.judges("after"):
                continue
            finding = judge(said, rule.checked)
            if finding is None:
                continue
            decision = _decided(rule, finding, "after")
            decisions.append(decision)
            if decision.action in ("redact", "rewrite") and finding.replaced is not None:
                said = replace(said, text=finding.replaced)
            if decision.action in ("block", "handover") or not said.text.strip():
                break
        return Judged(said.text, tuple(decisions))

    def takes_all(self, decision: Decision) -> bool:
        """Say whether a blocked unit takes the whole answer with it."""
        return any(rule.scope == "answer" and rule.named == decision.policy for rule in self._rules)

    def disclaimers(self, question: str, answer: str, language: Language) -> list[str]:
        """Return what must stand below an answer, in order."""
        found = (disclaimer_of(rule) for rule in self._rules)
        texts = (disclaimer.addition(question, answer, language, each) for each in found if each)
        return [text for text in texts if text]


def _decided(rule: Rule, finding: Finding, stage: Stage) -> Decision:
    return Decision(
        action=_action(rule.acts, finding),
        rule=rule.kind,
        reason=finding.reason,
        spans=finding.spans,
        policy=rule.named,
        stage=stage,
    )


def _action(mode: Mode, finding: Finding) -> Action:
    # A guess may tell people, or fetch one; it takes nobody's word away.
    guess = not finding.certain and mode != "handover"
    lacking = mode in ("redact", "rewrite") and finding.replaced is None
    return "flag" if guess or lacking else mode
