"""Numbers as people write them, in a form that can be compared."""

import re
from typing import Final

from foundation.turns import Language
from graphs.words import words_of

SPELLED: Final[dict[Language, dict[str, str]]] = {
    "sv": {
        "två": "2", "tre": "3", "fyra": "4", "fem": "5", "sex": "6", "sju": "7", "åtta": "8", "nio": "9",
        "tio": "10", "elva": "11", "tolv": "12", "tretton": "13", "fjorton": "14", "femton": "15",
        "sexton": "16", "sjutton": "17", "arton": "18", "nitton": "19", "tjugo": "20", "tjugofyra": "24",
        "trettio": "30", "fyrtio": "40", "fyrtioåtta": "48", "femtio": "50", "sextio": "60",
        "sjuttio": "70", "åttio": "80", "nittio": "90", "hundra": "100", "tusen": "1000",
    },
    "en": {
        "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
        "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
        "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
        "twenty": "20", "twenty-four": "24", "thirty": "30", "forty": "40", "forty-eight": "48",
        "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90", "hundred": "100",
        "thousand": "1000",
    },
    "nb": {
        "to": "2", "tre": "3", "fire": "4", "fem": "5", "seks": "6", "sju": "7", "syv": "7", "åtte": "8",
        "ni": "9", "ti": "10", "elleve": "11", "tolv": "12", "fjorten": "14", "femten": "15", "tjue": "20",
        "tretti": "30", "førti": "40", "femti": "50", "seksti": "60", "nitti": "90", "hundre": "100",
        "tusen": "1000",
    },
    "da": {
        "to": "2", "tre": "3", "fire": "4", "fem": "5", "seks": "6", "syv": "7", "otte": "8", "ni": "9",
        "ti": "10", "elleve": "11", "tolv": "12", "fjorten": "14", "femten": "15", "tyve": "20",
        "tredive": "30", "fyrre": "40", "halvtreds": "50", "tres": "60", "halvfems": "90",
        "hundrede": "100", "tusind": "1000",
    },
    "fi": {
        "kaksi": "2", "kolme": "3", "neljä": "4", "viisi": "5", "kuusi": "6", "seitsemän": "7",
        "kahdeksan": "8", "yhdeksän": "9", "kymmenen": "10", "neljätoista": "14", "viisitoista": "15",
        "kaksikymmentä": "20", "kolmekymmentä": "30", "sata": "100", "tuhat": "1000",
    },
}  # fmt: skip
"""Small numbers as words; "one" is left out, it is an article as often as a number."""

_UNITS: Final = {
    "kr": words_of("kr kronor krona kroner krone kruunua crowns"),
    "sek": words_of("sek"),
    "nok": words_of("nok"),
    "dkk": words_of("dkk"),
    "eur": words_of("€ eur euro euros euroa"),
    "usd": words_of("$ usd dollar dollars"),
    "gbp": words_of("£ gbp pounds"),
    "%": words_of("% procent percent prosent prosenttia"),
    "minute": words_of("minut minuter minute minutes minutter minuutti minuuttia min"),
    "hour": words_of("timme timmar hour hours time timer tunti tuntia"),
    "day": words_of(
        "dag dagar dagars day days dage dager dages dagers päivä päivää päivän "
        "vardag vardagar arbetsdag arbetsdagar bankdagar hverdager virkedager hverdage arkipäivää"
    ),
    "week": words_of("vecka veckor veckors week weeks uke uker uge uger viikko viikkoa viikon"),
    "month": words_of("månad månader month months måned måneder kuukausi kuukautta kuukauden"),
    "year": words_of("år års year years vuosi vuotta vuoden"),
}
_UNIT_OF: Final = {word: unit for unit, spelled in _UNITS.items() for word in spelled}
UNIT_NAMES: Final = frozenset(_UNIT_OF)
_CROWNS: Final = frozenset({"kr", "sek", "nok", "dkk"})

NUMBER: Final = re.compile(
    r"(?P<before>[$€£]\s?)?"
    r"(?<![\w.,])(?P<number>\d{1,3}(?:[ \u00a0\u202f.,]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?)"
    r"(?P<after>:-|,-|\s?[%€$£]|[ \u00a0-]?[^\W\d_]+)?"
)


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
    if len(marks) > 1:
        return frozenset({joined})
    decimal = _canonical(plain.replace(",", "."))
    return frozenset({decimal, joined}) if len(re.split("[.,]", plain)[1]) == 3 else frozenset({decimal})


def unit_of(found: re.Match[str]) -> str:
    """Return the unit beside a matched number (`kr`, `day`, …), or an empty string."""
    beside = (found["before"] or found["after"] or "").strip(" \u00a0-").casefold()
    if (found["after"] or "") in (":-", ",-"):
        return "kr"
    return _UNIT_OF.get(beside, "")


def same_unit(one: str, other: str) -> bool:
    """Say whether two units can mean the same; a missing one can be any, and `kr` is any of the crowns."""
    return not one or not other or one == other or ("kr" in (one, other) and {one, other} <= _CROWNS)


def unit_named(word: str) -> str:
    """Return the unit a word names, or an empty string."""
    return _UNIT_OF.get(word.casefold(), "")


def _canonical(number: str) -> str:
    whole, _, decimals = number.partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
