"""What in a sentence can be checked to the letter: numbers with units, dates, times, links, contacts."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from foundation.turns import Language
from graphs.numbers import NUMBER, readings_of, same_unit, unit_named, unit_of
from graphs.policies import pii
from graphs.spelled import spelled
from graphs.words import words_of

Kind = Literal["number", "date", "link", "contact", "code", "free"]

CITATION: Final = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?!\()")
_LIST_MARKER: Final = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*+•])\s", re.MULTILINE)
_LINK: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>()\[\]\"']+"
    # Hosts without a scheme: known endings, any ending in one case (`help.xyz`, not `end.Next` or `art.nr`),
    # short hosts with a path (`t.me/x`).
    r"|(?<![@\w.-])(?:[\w-]+\.)+(?:se|com|no|dk|fi|nu|net|org|eu|io|app|shop)\b(?:/[^\s<>()\[\]\"']*)?"
    r"|(?<![@\w.-])(?:[\w-]*[^\W_][\w-]+\.)+(?!nr\b)(?-i:[a-z]{2,24}|[A-Z]{2,24})\b(?:/[^\s<>()\[\]\"']*)?"
    r"|(?<![@\w.-])(?:[\w-]+\.)+[a-z]{2,24}/[^\s<>()\[\]\"']*",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"(?<![\w-])[^\W\d_](?=[\w-]*\d)\w*(?:-\w+)*")
"""A word with digits in it: a discount code, a model, a norm. A currency before a number makes none."""
_COMPOUND: Final = re.compile(r"(?:-[a-zåäöæø]+)+\Z")
"""The plain words behind a code: `A1-intyg` is a certificate called A1."""
_RAISED: Final = str.maketrans("²³", "23")
"""`m²` is `m2`."""
_MONEY: Final = re.compile(r"(?:US|SEK|NOK|DKK|EUR|USD|GBP|kr)\d[\d.,]*\Z", re.IGNORECASE)
_ISO_DATE: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_TIME: Final = re.compile(
    r"\b([01]?\d|2[0-3])[:.]([0-5]\d)\b(?!\s?(?:kr|sek|eur|€|%|:-))(?![.,]\d)", re.IGNORECASE
)
_MONTHS: Final = (
    words_of("januari january januar tammikuuta jan"),
    words_of("februari february februar helmikuuta feb"),
    words_of("mars march marts maaliskuuta mar"),
    words_of("april huhtikuuta apr"),
    words_of("maj may mai toukokuuta"),
    words_of("juni june kesäkuuta jun"),
    words_of("juli july heinäkuuta jul"),
    words_of("augusti august elokuuta aug"),
    words_of("september syyskuuta sep sept"),
    words_of("oktober october lokakuuta okt oct"),
    words_of("november marraskuuta nov"),
    words_of("december desember joulukuuta dec des"),
)
_MONTH: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_VERBS: Final = ("may", "march")
"""Months only with a capital: those under 18 may not."""
_NAMES: Final = "|".join(
    rf"(?-i:{name.title()}|{name.upper()})" if name in _VERBS else name
    for name in sorted(_MONTH, key=len, reverse=True)
)
_DAY_MONTH: Final = re.compile(
    rf"\b(\d{{1,2}})(?:\.|:e|:a|st|nd|rd|th)?\s(?:of\s)?({_NAMES})\b\.?(?:,?\s(\d{{4}}))?", re.IGNORECASE
)
_MONTH_DAY: Final = re.compile(
    rf"\b({_NAMES})\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s(\d{{4}}))?", re.IGNORECASE
)
_FOLLOWING: Final = re.compile(r"[\s-]+(?:(?:business|working|calendar)\s)?([^\W\d_]+)")
_CLOCK: Final = "clock"
"""The unit of a time, which no amount has."""
_FREE: Final = re.compile(
    r"\b(?:gratis|avgiftsfri\w*|kostnadsfri\w*|(?<!feel )free(?! to\b)|ilmai\w+|maksut\w+|vederlagsfri\w*"
    r"|(?<!dig )(?:fri|fritt|fria|frit)(?! (?:att|at|å|från|fra)\b)"
    r"|(?:utan|uten|uden) (?:kostnad|avgift|omkostning\w*|gebyr)"
    r"|(?:without|no) (?:extra )?(?:charge|cost))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One checkable thing; any of its `readings` may match, in the same unit."""

    kind: Kind
    readings: frozenset[str]
    unit: str = ""

    def stands_in(self, facts: "frozenset[Fact]") -> bool:
        """Say whether one of the given facts says the same."""
        return any(
            self.kind == fact.kind and self.readings & fact.readings and same_unit(self.unit, fact.unit)
            for fact in facts
        )


def facts(text: str, language: Language) -> frozenset[Fact]:
    """Return what can be checked in a text; citation and list markers are not facts."""
    rest = _LIST_MARKER.sub(" ", CITATION.sub("", text)).translate(_RAISED)
    found: list[Fact] = []
    # Each step blanks what it has read, so that the digits of a phone number are no numbers as well.
    for contact in reversed(pii.find(rest, language)):
        found.append(Fact("contact", frozenset({contact.key})))
        rest = _blank(rest, contact.start, contact.end)
    for pattern, read in _READERS:
        for match in pattern.finditer(rest):
            found.append(read(match))
            rest = _blank(rest, *match.span())
    for match in _CODE.finditer(rest):
        if not _MONEY.match(match[0]):
            found.append(
                Fact("code", frozenset({re.sub("[-_]", "", _COMPOUND.sub("", match[0]).casefold())}))
            )
            rest = _blank(rest, *match.span())
    if _FREE.search(rest):
        # A price like any other, and one that is gladly promised.
        found.append(Fact("free", frozenset({"0"})))
    found += _numbers(rest)
    found += _spelled(NUMBER.sub(lambda match: " " * len(match[0]), rest), rest, language)
    return frozenset(found)


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _numbers(text: str) -> Iterator[Fact]:
    times = {match.start(1): match for match in _TIME.finditer(text)}
    for match in NUMBER.finditer(text):
        moment = times.get(match.start("number"))
        if moment and moment.end() == match.end("number"):
            # "12.50" may be a time or a price: it stands if either does.
            yield Fact("number", readings_of(match) | _clock(moment), unit_of(match))
        elif moment:
            yield Fact("number", _clock(moment), _CLOCK)
        elif not _is_minutes(match, times):
            yield Fact("number", readings_of(match), unit_of(match))


def _clock(moment: re.Match[str]) -> frozenset[str]:
    """Return how a time may be written: 18:00 also as a bare 18."""
    hour = str(int(moment[1]))
    return frozenset({f"{hour}:{moment[2]}", hour} if moment[2] == "00" else {f"{hour}:{moment[2]}"})


def _is_minutes(found: re.Match[str], times: dict[int, re.Match[str]]) -> bool:
    """Say whether a number is the second half of a time like 10:30."""
    return any(start < found.start("number") < moment.end() for start, moment in times.items())


def _spelled(text: str, whole: str, language: Language) -> Iterator[Fact]:
    """Yield the numbers written as words; `text` is `whole` without those in digits."""
    for number in spelled(text, language):
        following = _FOLLOWING.match(whole, number.end)
        unit = unit_named(following[1]) if following else ""
        # "en vecka" is an amount; any other "en" or "one" is as likely an article.
        if number.value > 1 or unit:
            yield Fact("number", frozenset({str(number.value)}), unit)


def _link(match: re.Match[str]) -> Fact:
    link = match[0].rstrip(".,;:!?*_`")
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", link, flags=re.IGNORECASE).rstrip("/")
    host, slash, path = bare.partition("/")
    return Fact("link", frozenset({host.casefold() + slash + path}))


def _iso(match: re.Match[str]) -> Fact:
    return _date(int(match[2]), int(match[3]), match[1])


def _day_month(match: re.Match[str]) -> Fact:
    return _date(_MONTH[match[2].casefold()], int(match[1]), match[3])


def _month_day(match: re.Match[str]) -> Fact:
    return _date(_MONTH[match[1].casefold()], int(match[2]), match[3])


def _date(month: int, day: int, year: str | None) -> Fact:
    return Fact("date", frozenset({f"{month}-{day}"}), year or "")


_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Fact]], ...]] = (
    (_LINK, _link),
    (_ISO_DATE, _iso),
    (_DAY_MONTH, _day_month),
    (_MONTH_DAY, _month_day),
)
