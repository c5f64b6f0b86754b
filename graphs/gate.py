"""The release gate: nothing a model wrote reaches a customer unless it passed here, unit by unit.

Grounding first, then personal data, then the release's policies. A policy that hands over, or takes the whole
answer, ends the answer at that unit.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from foundation.errors import DependencyUnavailable
from foundation.turns import Citation, Cited, Delta, Language
from graphs.facts import CITATION
from graphs.grounding import Grounding, Judgement
from graphs.meanings import Meanings
from graphs.passages import Passage
from graphs.policies import pii
from graphs.policies.chain import Chain
from graphs.policies.link import hosts_in
from graphs.policies.port import Decision, Said
from graphs.units import Splitter, Unit
from graphs.words import words

log = structlog.get_logger()

_PLACEHOLDER: Final = "[{} "
_RUN: Final = 6
_LAST: Final = re.compile(r"[.!?…:]*[\"'”’»)*_]*\Z")
"""The end of a sentence, which its citation stands before."""


class Gate:
    """Takes an answer's pieces and gives back what may be shown, in order.

    Citations are numbered as they first appear in what is shown. All deltas joined are the answer's text.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        customer: str,
        language: Language,
        policies: Chain | None = None,
        guarded: str = "",
        meanings: Meanings | None = None,
    ) -> None:
        """`guarded` is a text of ours that no answer may repeat: the model's instructions. Without `meanings`
        only a citation of the model's own leads to a passage in another language.
        """
        self._meanings = meanings
        self._passages = tuple(passages)
        self._language: Language = language
        self._policies = policies or Chain()
        self._guarded = _guarded_runs(guarded)
        self._grounding = Grounding(passages, customer=customer, language=language)
        self._splitter = Splitter()
        self._before = ""
        self._separator = ""
        self._waiting: list[tuple[str, Unit]] = []
        self._numbers: dict[int, int] = {}
        self._released: list[str] = []
        self._supported = False
        self._gap = False
        """Whether something was withheld since the last supported unit."""
        self.withheld = 0
        self.citations: list[Citation] = []
        self.decisions: list[Decision] = []
        self.ended: Decision | None = None
        """The policy's decision that ended the answer: it hands over, or takes all that was said."""

    @property
    def text(self) -> str:
        """What was released so far."""
        return "".join(self._released)

    async def feed(self, piece: str) -> list[Delta | Cited]:
        """Add a piece of the answer; return what it releases."""
        return [event for unit in self._splitter.feed(piece) for event in await self._judge(unit)]

    async def close(self) -> list[Delta | Cited]:
        """The answer is complete: return what is left to release. Openers that still wait are dropped."""
        events = [event for unit in self._splitter.close() for event in await self._judge(unit)]
        self.withheld += len(self._waiting)
        self._waiting.clear()
        return events

    async def _grounded(self, unit: Unit) -> Judgement:
        """Return what the passages say of a unit, by meaning too where that could change it."""
        judgement = self._grounding.judge(unit)
        if self._meanings is None or not self._grounding.is_unsure(unit, judgement):
            return judgement
        try:
            alike = await self._meanings.likeness(unit.text, self._passages, self._language)
        except DependencyUnavailable:
            # An answer that has begun goes on, with what the words alone can tell.
            log.warning("meanings_away")
            return judgement
        return self._grounding.judge(unit, alike)

    async def _judge(self, unit: Unit) -> list[Delta | Cited]:
        if self.ended is not None:
            return []
        self._separator = max(self._separator, unit.lead, key=_breaks)
        before, self._before = self._before, unit.text
        judgement = await self._grounded(unit)
        if unit.too_long or judgement.verdict == "unsupported":
            reason = "length" if unit.too_long else judgement.reason
            return self._withhold(Decision(action="block", rule="grounding", reason=reason, stage="after"))
        if self._repeats_ours(unit):
            return self._withhold(Decision(action="block", rule="injection", reason="prompt", stage="after"))
        decision = self._personal(unit, before, judgement.passages)
        if decision.action != "allow":
            return self._withhold(decision)
        allowed = self._allowed(unit, judgement.passages)
        return [] if allowed is None else self._placed(allowed, judgement)

    def _placed(self, unit: Unit, judgement: Judgement) -> list[Delta | Cited]:
        """Release a unit that may be said, or let it wait for the supported one that it leads into."""
        if judgement.verdict == "neutral" and not (self._supported and not _leads_in(unit)):
            self._waiting.append((self._take_separator(), unit))
            self._gap = self._gap and not _leads_in(unit)
            return []
        if judgement.verdict == "neutral":
            return self._release(self._take_separator(), unit, ())
        events: list[Delta | Cited] = []
        separator = self._take_separator()
        if self._gap and unit.kind != "item":
            self._drop_lead_ins()
        self._gap = False
        for lead, waiting in self._waiting:
            events += self._release(lead, waiting, ())
        self._waiting.clear()
        self._supported = True
        return events + self._release(separator, unit, judgement.passages)

    def _allowed(self, unit: Unit, indices: Sequence[int]) -> Unit | None:
        """Return the unit as the policies let it pass; None when they do not."""
        plain = CITATION.sub("", unit.text)
        kept = frozenset[str]().union(*(hosts_in(self._passages[index].text) for index in indices))
        judged = self._policies.after(Said(plain, self._language, self.text, kept))
        verdict = judged.verdict
        self.decisions += [decision for decision in judged.decisions if decision is not verdict]
        if verdict is not None:
            if verdict.action == "handover" or self._policies.takes_all(verdict):
                self.ended = verdict
            self._withhold(verdict)
            return None
        if not judged.text.strip():
            self.withheld += 1
            return None
        # A citation in a text that was rewritten is set anew, at its end.
        return unit if judged.text == plain else replace(unit, text=judged.text)

    def _repeats_ours(self, unit: Unit) -> bool:
        """Say whether a unit repeats our instructions; also one that a document supports, or cites for it."""
        return not self._guarded.isdisjoint(_runs(unit.text))

    def _personal(self, unit: Unit, before: str, indices: Sequence[int]) -> Decision:
        if any(_PLACEHOLDER.format(kind) in unit.text for kind in pii.KINDS):
            return Decision(action="block", rule="pii", reason="placeholder", stage="after")
        return pii.outbound(
            CITATION.sub("", unit.text),
            before=before,
            allowed=self._grounding.allowed(indices),
            language=self._language,
        )

    def _withhold(self, decision: Decision) -> list[Delta | Cited]:
        self.withheld += 1
        self.decisions.append(decision)
        self._gap = True
        return []

    def _drop_lead_ins(self) -> None:
        """Drop a lead-in whose own sentence or list was withheld: it would lead into something else."""
        while self._waiting and _leads_in(self._waiting[-1][1]):
            self._waiting.pop()
            self.withheld += 1

    def _take_separator(self) -> str:
        separator, self._separator = self._separator, ""
        return separator

    def _release(self, lead: str, unit: Unit, indices: tuple[int, ...]) -> list[Delta | Cited]:
        fresh = [index for index in indices if index not in self._numbers]
        for index in fresh:
            self._numbers[index] = len(self._numbers) + 1
            self.citations.append(self._citation(index, unit))
        text = (lead if self._released else "") + self._renumbered(unit.text, indices)
        self._released.append(text)
        cited = [Cited(citation=self.citations[self._numbers[index] - 1]) for index in fresh]
        return [*cited, Delta(text=text)]

    def _renumbered(self, text: str, indices: tuple[int, ...]) -> str:
        """Write the citations with the released text's numbers; one the model left out goes to the end."""
        plain = CITATION.sub("", text)
        if not indices:
            return plain
        if plain == text:
            marks = "".join(f"[{self._numbers[index]}]" for index in indices)
            if "\n" in text:  # a table or a fence, which nothing may be written into
                return f"{text}\n\n{marks}"
            return _LAST.sub(lambda match: f" {marks}{match[0]}", text, count=1)
        return CITATION.sub(lambda match: self._mark(match[1], indices), text)

    def _mark(self, numbers: str, indices: tuple[int, ...]) -> str:
        kept = [int(number) - 1 for number in numbers.split(",") if int(number) - 1 in indices]
        return " " + "".join(f"[{self._numbers[index]}]" for index in kept) if kept else ""

    def _citation(self, index: int, unit: Unit) -> Citation:
        passage = self._passages[index]
        quote = self._grounding.quote(index, CITATION.sub("", unit.text))
        return Citation(
            number=self._numbers[index],
            passage_id=passage.passage_id,
            source_id=passage.source_id,
            title=passage.title,
            heading=passage.heading,
            page=passage.page,
            paragraph=passage.paragraph_of(quote),
            quote=quote,
            language=passage.language,
        )


@functools.lru_cache(maxsize=16)
def _guarded_runs(text: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of a text that is the same for every answer."""
    return _runs(text)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    """Return all runs of so many words in a text that they are nobody's by chance."""
    said = words(CITATION.sub("", text))
    return frozenset(zip(*(said[start:] for start in range(_RUN)), strict=False))


def _breaks(lead: str) -> tuple[int, int]:
    return lead.count("\n"), len(lead)


def _leads_in(unit: Unit) -> bool:
    return unit.kind == "heading" or unit.text.rstrip("*_ ").endswith(":")
