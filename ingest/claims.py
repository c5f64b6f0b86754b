"""Amounts that a text states: how many of what, and about what. Swedish and English."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNITS = {
    "kr": "kr kronor krona sek :-",
    "%": "% procent percent",
    "day": "dag dagar dagars dagarna day days",
    "working day": "vardag vardagar arbetsdag arbetsdagar",
    "hour": "timme timmar timmars hour hours h",
    "minute": "minut minuter min minutes minute",
    "week": "vecka veckor veckors week weeks",
    "month": "månad månader månaders month months",
    "year": "år års year years",
    "kg": "kg kilo kilogram",
    "g": "g gram",
    "km": "km kilometer",
    "m": "m meter metre metres",
    "cm": "cm centimeter",
    "mm": "mm millimeter",
    "l": "l liter litre litres",
    "°C": "°c grader degrees",
    "€": "€ euro eur",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_NUMBER = r"\d{1,3}(?:[ .]\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?"
_NAMES = "|".join(sorted((re.escape(word) for word in _UNIT_OF), key=len, reverse=True))
_AMOUNT = re.compile(rf"(?<![\w.,-])({_NUMBER})[ -]?({_NAMES})(?![\w])", re.IGNORECASE)
_CLOCK = re.compile(r"(?:kl\.?|klockan|at)\s*(\d{1,2})[.:](\d{2})(?!\d)", re.IGNORECASE)
_ALIKE = 0.4
"""Share of long words that two sentences about the same have in common; chosen on the demo's documents."""
_LEAST_SHARED = 3
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÅÄÖ])|\n+|\s\|\s")
_WORD = re.compile(r"[^\W\d_]{4,}")
"""Long words say what a sentence is about; short ones stand in all of them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence with amounts: `amounts` by unit, `words` what is left of it."""

    text: str
    amounts: frozenset[tuple[str, float]]
    words: frozenset[str]

    @property
    def units(self) -> frozenset[str]:
        return frozenset(unit for unit, _ in self.amounts)


def claims(text: str) -> Iterator[Claim]:
    """Yield the sentences that state amounts, and say something about them."""
    for sentence in _SENTENCE.split(text):
        amounts = {(_UNIT_OF[unit.lower()], _value(number)) for number, unit in _AMOUNT.findall(sentence)}
        amounts |= {("clock", int(hour) + int(minute) / 60) for hour, minute in _CLOCK.findall(sentence)}
        rest = _CLOCK.sub(" ", _AMOUNT.sub(" ", sentence)).lower()
        words = frozenset(_WORD.findall(rest))
        if amounts and len(words) >= _LEAST_SHARED:
            yield Claim(sentence.strip(), frozenset(amounts), words)


def contradict(one: Claim, other: Claim) -> bool:
    """Return whether two claims say the same of different amounts of the same units.

    What merely leaves an amount out does not contradict.
    """
    shared = one.words & other.words
    if len(shared) < max(_LEAST_SHARED, _ALIKE * len(one.words | other.words)) or one.units != other.units:
        return False
    return not (one.amounts <= other.amounts or other.amounts <= one.amounts)


def _value(number: str) -> float:
    plain = re.sub(r"[ .](?=\d{3}(?:\D|$))", "", number)
    return float(plain.replace(",", "."))
