"""Numbers written as words: `fem`, `tjugofem`, `two hundred and fifty`, `femogtyve`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from foundation.turns import Language


def _numbered(first: int, words: str, step: int = 1) -> dict[str, int]:
    """Return words with their values; words for the same value are joined by `/`."""
    values = range(first, first + step * len(words.split()), step)
    return {
        word: value for value, group in zip(values, words.split(), strict=True) for word in group.split("/")
    }


_PARTS: Final[dict[Language, dict[str, int]]] = {
    "sv": {
        **_numbered(1, "en/ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton "
                    "sjutton arton/aderton nitton"),
        **_numbered(20, "tjugo/tjugi trettio fyrtio femtio sextio sjuttio åttio nittio", 10),
        "hundra": 100, "tusen": 1000, "miljon": 10**6, "miljoner": 10**6,
        "miljard": 10**9, "miljarder": 10**9,
    },
    "en": {
        **_numbered(1, "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                    "fifteen sixteen seventeen eighteen nineteen"),
        **_numbered(20, "twenty thirty forty/fourty fifty sixty seventy eighty ninety", 10),
        "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9,
    },
    "nb": {
        **_numbered(1, "en/ett/én to tre fire fem seks sju/syv åtte ni ti elleve tolv tretten fjorten femten "
                    "seksten sytten atten nitten"),
        **_numbered(20, "tjue/tyve tretti/tredve førti femti seksti sytti åtti nitti", 10),
        "hundre": 100, "tusen": 1000, "million": 10**6, "millioner": 10**6, "milliard": 10**9,
    },
    "da": {
        **_numbered(1, "en/et/én/ét to tre fire fem seks syv otte ni ti elleve tolv tretten fjorten femten "
                    "seksten sytten atten nitten"),
        **_numbered(20, "tyve tredive fyrre/fyrretyve halvtreds tres halvfjerds firs halvfems", 10),
        "hundrede": 100, "hundred": 100, "tusind": 1000, "million": 10**6, "millioner": 10**6,
    },
    "fi": {
        **_numbered(1, "yksi/yhden kaksi/kahden kolme/kolmen neljä/neljän viisi/viiden kuusi/kuuden "
                    "seitsemän kahdeksan yhdeksän kymmenen yksitoista kaksitoista kolmetoista "
                    "neljätoista viisitoista kuusitoista seitsemäntoista kahdeksantoista yhdeksäntoista"),
        **_numbered(20, "kaksikymmentä kolmekymmentä neljäkymmentä viisikymmentä kuusikymmentä "
                    "seitsemänkymmentä kahdeksankymmentä yhdeksänkymmentä", 10),
        "sata": 100, "sataa": 100, "tuhat": 1000, "tuhatta": 1000, "miljoona": 10**6, "miljoonaa": 10**6,
    },
}  # fmt: skip
_JOINS: Final[dict[Language, str]] = {"sv": "och", "en": "and", "nb": "og", "da": "og", "fi": ""}
_ONES_FIRST: Final = frozenset[Language]({"nb", "da"})
"""Where 25 may be `femogtyve`."""
_TOKEN: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Spelled:
    """A number in words, and where it stands."""

    value: int
    start: int
    end: int


def spelled(text: str, language: Language) -> Iterator[Spelled]:
    """Yield the numbers that a text writes as words, also 1, which is an article as often as a number."""
    join = _JOINS[language]
    run: list[int] = []
    start = end = 0
    for token in _TOKEN.finditer(text):
        word = token[0].casefold()
        if run and word == join:
            continue
        values = _values(word, language)
        between = text[end : token.start()].casefold().split()
        if run and values and _goes_on(run, values, text[end : token.start()], between == [join]):
            run, end = [*run, *values], token.end()
            continue
        if run:
            yield Spelled(_value(run) or 0, start, end)
        run, start, end = values, token.start(), token.end()
    if run:
        yield Spelled(_value(run) or 0, start, end)


def _goes_on(run: list[int], values: list[int], gap: str, joined: bool) -> bool:
    """Say whether a word continues the number before it: `two hundred` `and fifty`, not `two` `and fifty`."""
    near = run[-1] >= 100 if joined else not gap.strip()
    return near and _value([*run, *values]) is not None


def _values(word: str, language: Language) -> list[int]:
    """Return the values of which a word is made; none when it is no number."""
    parts, join = _PARTS[language], _JOINS[language]
    found: list[int] = []
    swap = False
    rest = word.replace("-", "")
    while rest:
        part = next((rest[:size] for size in range(len(rest), 1, -1) if rest[:size] in parts), "")
        if part:
            found = [*found[:-1], parts[part], found[-1]] if swap else [*found, parts[part]]
            rest, swap = rest[len(part) :], False
        elif found and language in _ONES_FIRST and rest.startswith(join):
            rest, swap = rest[len(join) :], True
        elif found and found[-1] == 1 and f"t{rest}".startswith("tus"):  # `ettusen` leaves out the third t
            rest = f"t{rest}"
        else:
            return []
    return found if not swap and _value(found) is not None else []


def _value(values: list[int]) -> int | None:
    """Return what parts mean together; None where they are no one number: three five."""
    total, below = 0, 0
    largest = 10**12
    for value in values:
        if value >= 1000:
            if value >= largest:
                return None
            total, below, largest = total + max(1, below) * value, 0, value
        elif value == 100:
            if below >= 100 or below % 100 > 19:
                return None
            below = max(1, below) * 100
        elif (value < 10 and below % 10 == 0 and below % 100 != 10) or (value >= 10 and below % 100 == 0):
            below += value
        else:
            return None
    return total + below
