"""Is a unit of an answer supported by what it cites?

A simple judgement, in this order:

1. `[n]` must point at a passage; others are taken out.
2. Every fact (number, in words too, date, link, contact, code, "free") must stand in a cited passage. What
   the customer said may be repeated, but supports nothing; an amount with a unit (500 kr, 60 days) may not:
   it confirms a hope.
   A number must also stand where the passage speaks of the same thing, not only anywhere in it.
3. At least 60 % of the unit's content words and facts must stand in the cited passage, and the sentence there
   that is closest to it may not say the opposite (one is negated, the other not).
4. A unit without a citation must pass the same with one passage and 75 % of its words; it is then cited.
5. Words cannot be compared across languages. There only facts are checked of what the model cites itself: a
   paraphrase without a number that mistranslates its passage passes. By meaning (`Likeness`) a unit without
   a citation gets that of the statement that says the same, with the same facts and the same denial; and a
   number must stand where the passage means about the same.
6. Courtesies, questions back and lead-ins ("Here is how:") claim nothing; they wait for something supported.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from foundation.turns import Language
from graphs.courtesies import COURTESIES
from graphs.facts import CITATION, Fact, facts
from graphs.numbers import UNIT_NAMES
from graphs.passages import Passage
from graphs.units import Unit, units
from graphs.words import content, negated, stem

CITED_SHARE: Final = 0.6
UNCITED_SHARE: Final = 0.75
_ALIKE: Final = 0.5
_APART: Final = 0.4
"""Which part of what a unit shares with the sentence nearest to it a number's own sentence must share."""
_PLACED: Final = frozenset({"number", "date"})
_QUOTE: Final = 300
_SAME: Final = 0.89
"""Cosine from which on a statement in another language says the same: on the development half .78 of the
translations reach it, and .005 of the sentences on something else."""
_ASIDE: Final = 0.03
"""So much farther than the nearest statement, and it speaks of something else."""
_TRIED: Final = 3

_CONTACT: Final = re.compile(r"\S+@\S+|https?://\S+|www\.\S+")
_UNIT_STEMS: Final = frozenset(map(stem, UNIT_NAMES))
_CLAUSE: Final = re.compile(r"[.;:]\s|\s[–—-]\s|,?\s(?:och|and|og|ja|men|but|mutta)\s", re.IGNORECASE)
_YES_NO: Final = re.compile(r"^\W*(?:ja|nej|yes|no|nei|kyllä|ei)\b[,.!]", re.IGNORECASE)
Likeness = Mapping[int, Sequence[float]]
"""Of passages (by index) in another language: the cosine of a unit with each of their statements."""
Verdict = Literal["supported", "neutral", "unsupported"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What grounding says of a unit; `passages` are the indices (from 0) it may cite."""

    verdict: Verdict
    passages: tuple[int, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """A text taken apart."""

    text: str
    words: frozenset[str]
    facts: frozenset[Fact]
    negated: bool


class Grounding:
    """Judges the units of one answer against its passages and the customer's words."""

    def __init__(self, passages: Sequence[Passage], *, customer: str, language: Language) -> None:
        self._language: Language = language
        self._passages = tuple(passages)
        self._customer = _read(customer, language)
        self._sentences = [
            [_read_passage(each, passage.language, language) for each in statements(passage.text)]
            for passage in passages
        ]
        self._headers = [
            _read_passage(_table_headers(each.text), each.language, language).facts for each in passages
        ]
        self._whole = [
            _joined(
                [_read_passage(f"{passage.title}. {passage.heading}", passage.language, language), *sentences]
            )
            for passage, sentences in zip(passages, self._sentences, strict=True)
        ]

    def judge(self, unit: Unit, alike: Likeness | None = None) -> Judgement:
        """Return whether the unit is supported, and by which passages; `is_unsure` asks for `alike`."""
        plain = _read(CITATION.sub("", unit.text), self._language)
        cited = self._cited(unit.text)
        if cited:
            found = self._check(plain, cited)
            lent = found.verdict == "supported" and alike and self._borrows_abroad(plain, cited, alike)
            return Judgement("unsupported", reason="fact") if lent else found
        if self._claims_nothing(unit, plain):
            return Judgement("neutral")
        found = self._attribute(plain)
        return self._attribute_abroad(plain, alike) or found if alike and not found.passages else found

    def is_unsure(self, unit: Unit, found: Judgement) -> bool:
        """Say whether the meaning of a unit, compared across languages, could change what was found of it."""
        cited = self._cited(unit.text)
        abroad = any(map(self._is_foreign, cited or range(len(self._passages))))
        if not abroad:
            return False
        if not cited:
            return found.verdict == "unsupported"
        placed = any(fact.kind in _PLACED for fact in _read(unit.text, self._language).facts)
        return found.verdict == "supported" and placed

    def allowed(self, indices: Sequence[int]) -> frozenset[str]:
        """Return the contacts and account numbers that stand in these passages, in canonical form."""
        return frozenset(
            reading
            for index in indices
            for fact in self._whole[index].facts
            if fact.kind == "contact"
            for reading in fact.readings
        )

    def quote(self, index: int, text: str) -> str:
        """Return the sentence of a passage that supports a text best, at most 300 characters."""
        plain = _read(text, self._language)

        def likeness(sentence: _Read) -> float:
            shared = sum(fact.stands_in(sentence.facts) for fact in plain.facts)
            return _share(plain.words, sentence.words) + shared

        best = max(self._sentences[index], key=likeness).text if self._sentences[index] else ""
        return best if len(best) <= _QUOTE else best[: _QUOTE - 1].rstrip() + "…"

    def _cited(self, text: str) -> tuple[int, ...]:
        numbers = (int(number) for match in CITATION.finditer(text) for number in match[1].split(","))
        return tuple(dict.fromkeys(n - 1 for n in numbers if 1 <= n <= len(self._passages)))

    def _claims_nothing(self, unit: Unit, plain: _Read) -> bool:
        if any(not self._is_echo(fact) for fact in plain.facts):
            return False
        if plain.words <= COURTESIES:
            return True
        leads_in = unit.text.rstrip("*_ ").endswith((":", "?")) or unit.kind == "heading"
        known = self._customer.words.union(*(whole.words for whole in self._whole))
        return leads_in and plain.words <= COURTESIES | known

    def _is_foreign(self, index: int) -> bool:
        return self._passages[index].language != self._language

    def _is_echo(self, fact: Fact) -> bool:
        promises = fact.kind == "free" or (fact.kind == "number" and fact.unit != "")
        return not promises and fact.stands_in(self._customer.facts)

    def _check(self, plain: _Read, cited: tuple[int, ...]) -> Judgement:
        """Judge a unit against the passages it cites."""
        known = frozenset[Fact]().union(*(self._whole[index].facts for index in cited))
        words = frozenset[str]().union(*(self._whole[index].words for index in cited))
        if not all(fact.stands_in(known) or self._is_echo(fact) for fact in plain.facts):
            return Judgement("unsupported", reason="fact")
        if _support(plain, words, known) < CITED_SHARE:
            foreign = any(map(self._is_foreign, cited))
            return Judgement("supported", cited) if foreign else Judgement("unsupported", reason="words")
        if not any(map(self._is_foreign, cited)) and self._borrows(plain, cited):
            return Judgement("unsupported", reason="fact")
        if any(self._contradicts(index, plain) for index in cited if not self._is_foreign(index)):
            return Judgement("unsupported", reason="negation")
        return Judgement("supported", cited)

    def _borrows(self, plain: _Read, cited: tuple[int, ...]) -> bool:
        """Say whether a number of a unit stands only where the passages speak of something else."""
        sentences = [sentence for index in cited for sentence in self._sentences[index]]
        headers = frozenset[Fact]().union(*(self._headers[index] for index in cited))
        nearest = max((_share(plain.words, sentence.words) for sentence in sentences), default=0.0)
        for fact in plain.facts:
            if fact.stands_in(headers):  # which belong to every row
                continue
            holders = [each for each in sentences if fact.kind in _PLACED and fact.stands_in(each.facts)]
            # A number that no sentence has stands in the title or the heading, or is an echo.
            if holders and not any(
                _share(plain.words, each.words) >= _APART * nearest
                or _share(each.words, plain.words) >= _ALIKE  # said as well, in a unit that joins several
                for each in holders
            ):
                return True
        return False

    def _attribute(self, plain: _Read) -> Judgement:
        """Find the one passage that supports a unit which cites none."""
        shares = [_support(plain, whole.words, whole.facts) for whole in self._whole]
        for index in sorted(range(len(shares)), key=lambda index: -shares[index]):
            if shares[index] < UNCITED_SHARE:
                break
            if self._check(plain, (index,)).verdict == "supported":
                return Judgement("supported", (index,))
        return Judgement("unsupported", reason="citation")

    def _attribute_abroad(self, plain: _Read, alike: Likeness) -> Judgement | None:
        """Find the statement in another language that says the same as a unit without citation."""
        nearest = sorted(
            ((cosine, index, at) for index, row in alike.items() for at, cosine in enumerate(row)),
            reverse=True,
        )
        for cosine, index, at in nearest[:_TRIED]:
            there = self._sentences[index][at]
            if cosine < _SAME:
                break
            stands = all(fact.stands_in(there.facts) or self._is_echo(fact) for fact in plain.facts)
            if stands and there.negated == plain.negated:
                return Judgement("supported", (index,))
        return None

    def _borrows_abroad(self, plain: _Read, cited: tuple[int, ...], alike: Likeness) -> bool:
        """Say whether a number stands only where cited passages in another language mean something else."""
        rows = {index: alike[index] for index in cited if index in alike}
        if len(rows) < len(cited):
            return False
        nearest = max((cosine for row in rows.values() for cosine in row), default=0.0)
        headers = frozenset[Fact]().union(*(self._headers[index] for index in cited))
        for fact in plain.facts:
            if fact.kind not in _PLACED or fact.stands_in(headers):
                continue
            holders = [
                cosine
                for index, row in rows.items()
                for cosine, there in zip(row, self._sentences[index], strict=True)
                if fact.stands_in(there.facts)
            ]
            if holders and max(holders) < nearest - _ASIDE:
                return True
        return False

    def _contradicts(self, index: int, plain: _Read) -> bool:
        """Say whether a sentence says the opposite of a unit, and no other on the matter says the same."""
        agreeing, opposed = list[_Read](), list[_Read]()
        for sentence in self._sentences[index]:
            agrees = sentence.negated == _denies(plain, sentence, self._language)
            (agreeing if agrees else opposed).append(sentence)
        for sentence in opposed:
            alike = _share(sentence.words, plain.words)
            matter = sentence.words & plain.words
            if alike >= _ALIKE and not any(
                other.words & matter and _share(other.words, plain.words) >= alike for other in agreeing
            ):
                return True
        return False


def _read(text: str, *languages: Language) -> _Read:
    found = frozenset[Fact]().union(*(facts(text, language) for language in dict.fromkeys(languages)))
    # Contacts and units of measure are judged as facts.
    meaning = content(_CONTACT.sub(" ", text)) - _UNIT_STEMS
    return _Read(text, meaning, found, negated(_YES_NO.sub("", text), *languages))


_read_passage = functools.lru_cache(maxsize=4096)(_read)
"""The same passages are found again and again; what customers write is not kept."""


def statements(text: str) -> list[str]:
    """Return a passage's units, of a table its rows: each says something of its own."""
    return [
        line
        for unit in units(text)
        for line in (unit.text.split("\n") if unit.kind == "table" else [unit.text])
        if any(map(str.isalnum, line))
    ]


def _table_headers(text: str) -> str:
    """Return the first rows of a passage's tables."""
    return "\n".join(unit.text.partition("\n")[0] for unit in units(text) if unit.kind == "table")


def _joined(parts: Sequence[_Read]) -> _Read:
    return _Read(
        text="",
        words=frozenset[str]().union(*(part.words for part in parts)),
        facts=frozenset[Fact]().union(*(part.facts for part in parts)),
        negated=False,
    )


def _denies(plain: _Read, sentence: _Read, language: Language) -> bool:
    """Say whether a unit denies what a sentence is about; where it joins several, by their own clauses."""
    if not plain.negated:
        return False
    own = [
        clause for clause in _CLAUSE.split(plain.text) if _share(content(clause), sentence.words) >= _ALIKE
    ]
    return any(negated(_YES_NO.sub("", clause), language) for clause in own) if own else True


def _support(plain: _Read, words: frozenset[str], known: frozenset[Fact]) -> float:
    """Return which part of a unit's words and facts is among others; courtesies and echoes do not count."""
    meaning = plain.words - COURTESIES
    found = sum(fact.stands_in(known) for fact in plain.facts)
    total = len(meaning) + found
    return (len(meaning & words) + found) / total if total else 0.0


def _share(words: frozenset[str], among: frozenset[str]) -> float:
    """Return which part of some words is among others, 0..1."""
    return len(words & among) / len(words) if words else 0.0
