"""Numbers as people write them, in a form that can be compared."""

import re
from typing import Final

from graphs.words import words_of

_UNITS: Final = {
    "kr": words_of("kr kronor krona kroner krone kruunua crowns tkr mkr mnkr mdkr"),
    "sek": words_of("sek tsek msek"),
    "nok": words_of("nok"),
    "dkk": words_of("dkk"),
    "eur": words_of("€ eur euro euros euroa"),
    "usd": words_of("$ us$ usd dollar dollars"),
    "gbp": words_of("£ gbp pounds"),
    "%": words_of("% procent percent prosent prosenttia"),
    "minute": words_of("minut minuten minuters minuter minute minutes minutter minuutti minuuttia min"),
    "hour": words_of("timme timmen timmars timmar hour hours time timer tunti tuntia"),
    "day": words_of(
        "dag dagar dagars day days dage dager dages dagers päivä päivää päivän "
        "vardag vardagar arbetsdag arbetsdagar bankdagar hverdager virkedager hverdage arkipäivää"
    ),
    "week": words_of("vecka veckan veckor veckors week weeks uke uker uge uger viikko viikkoa viikon"),
    "month": words_of(
        "månad månaden månads månaders månader month months måned måneder kuukausi kuukautta kuukauden"
    ),
    "year": words_of("år års year years vuosi vuotta vuoden"),
}
_UNIT_OF: Final = {word: unit for unit, spelled in _UNITS.items() for word in spelled}
UNIT_NAMES: Final = frozenset(_UNIT_OF)
_GROUPED: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_CROWNS: Final = frozenset({"kr", "sek", "nok", "dkk"})

_SCALES: Final = {
    "tusen": 3, "thousand": 3, "tusind": 3, "tuhatta": 3, "tkr": 3, "tsek": 3, "k": 3,
    "miljon": 6, "miljoner": 6, "million": 6, "millions": 6, "millioner": 6, "miljoonaa": 6, "mn": 6,
    "mkr": 6, "msek": 6, "mnkr": 6, "miljard": 9, "miljarder": 9, "billion": 9, "billions": 9,
    "milliarder": 9, "mdkr": 9,
}  # fmt: skip
"""What multiplies the number before it, by how many zeros; some name the unit as well (`2 mkr`)."""
_SCALE: Final = "|".join(sorted(_SCALES, key=len, reverse=True))

NUMBER: Final = re.compile(
    r"(?:(?P<before>(?:US\$|[$€£]|(?<![^\W\d_])(?:SEK|NOK|DKK|EUR|USD|GBP|kr)\.?)[ \u00a0]?)"
    r"|(?<![^\W_])(?<!\d[.,]))"
    r"(?P<number>\d{1,3}(?:[ \u00a0\u202f.,]\d{3})+(?:[.,]\d{1,2})?(?![.,]?\d)|\d+(?:[.,]\d+)*)"
    rf"(?:[ \u00a0-]?(?P<scale>{_SCALE})\b)?"
    r"(?P<after>:-|,-|\s?[%€$£](?!\d)|[ \u00a0-]?[^\W\d_]+)?",
    re.IGNORECASE,
)
"""A number with what stands beside it. A currency may touch it (`SEK450`); other letters make it a code."""


def readings(number: str) -> frozenset[str]:
    """Return what a written number can mean: `1 299,50` one thing, `1.299` two (thousands or decimals)."""
    plain = re.sub(r"[ \u00a0\u202f]", "", number)
    marks = [character for character in plain if character in ".,"]
    if not marks:
        return frozenset({_canonical(plain)})
    if len(set(marks)) == 2:
        whole, _, decimals = plain.rpartition(marks[-1])
        return frozenset({_canonical(re.sub("[.,]", "", whole) + "." + decimals)})
    joined = _canonical(re.sub("[.,]", "", plain))
    if len(marks) > 1:  # 1.299.000, or a version: 10.5.1
        return frozenset({joined if _GROUPED.fullmatch(plain) else plain})
    decimal = _canonical(plain.replace(",", "."))
    return frozenset({decimal, joined}) if len(re.split("[.,]", plain)[1]) == 3 else frozenset({decimal})


def readings_of(found: re.Match[str]) -> frozenset[str]:
    """Return what a matched number can mean, multiplied by the word behind it: `1,5 miljoner`."""
    zeros = _SCALES.get((found["scale"] or "").casefold(), 0)
    return (
        frozenset(_times(each, zeros) for each in readings(found["number"]))
        if zeros
        else readings(found["number"])
    )


def unit_of(found: re.Match[str]) -> str:
    """Return the unit beside a matched number (`kr`, `day`, …), or an empty string."""
    if (found["after"] or "") in (":-", ",-"):
        return "kr"
    beside = (found["before"], found["after"], found["scale"])
    named = ((each or "").strip(" \u00a0-.").casefold() for each in beside)
    return next((_UNIT_OF[each] for each in named if each in _UNIT_OF), "")


def same_unit(one: str, other: str) -> bool:
    """Say whether two units can mean the same; a missing one can be any, and `kr` is any of the crowns."""
    return not one or not other or one == other or ("kr" in (one, other) and {one, other} <= _CROWNS)


def unit_named(word: str) -> str:
    """Return the unit a word names, or an empty string."""
    return _UNIT_OF.get(word.casefold(), "")


def _times(number: str, zeros: int) -> str:
    if not number.replace(".", "", 1).isdigit():  # a version stays what it is
        return number
    whole, _, decimals = number.partition(".")
    moved = decimals.ljust(zeros, "0")
    return _canonical(f"{whole}{moved[:zeros]}.{moved[zeros:]}")


def _canonical(number: str) -> str:
    whole, _, decimals = number.partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
