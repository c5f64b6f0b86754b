"""Numbers of people: Swedish personal, coordination and interim ones, Norwegian, Danish and Finnish."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from stdnum import luhn
from stdnum.dk import cpr
from stdnum.fi import hetu
from stdnum.no import fodselsnummer

from foundation.turns import Language
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.words import GAP, after_account, after_reference, digits_of

_SWEDISH: Final = re.compile(
    rf"(?<![\d_-])(?:(?:18|19|20)\d{{2}}|\d{{2}})[01]\d{{3}}(?:\+|\s?[-–]\s?|{GAP})?\d{{4}}(?![\w-])"
)
_INTERIM: Final = re.compile(
    r"(?<![\w-])(?:(?:19|20)\d{2}|\d{2})[01]\d{3}[-+]?[JKLMNRSTUWX]\d{3}(?![\w-])", re.IGNORECASE
)
_FINNISH: Final = re.compile(r"(?<![\w-])\d{6}[-+A-FU-Y]\d{3}[0-9A-Y](?![\w-])", re.IGNORECASE)
_NORDIC: Final = re.compile(rf"(?<![\d_-])\d{{6}}(?:(?:-|{GAP})?\d{{4}}|(?:-|{GAP})?\d{{5}})(?![\w-])")
_CPR: Final = re.compile(
    r"\bcpr[\s.-]?(?:nr|no|nummer|number)?\W{0,3}(?:(?:er|is|är)\b\W{0,2})?\Z", re.IGNORECASE
)


def people(text: str, language: Language) -> Iterator[Found]:
    """Yield the numbers of people in a text."""
    for found in (*_swedish(text), *_interim(text), *_finnish(text), *_norwegian_danish(text, language)):
        yield Found("personnummer", *found)


def _swedish(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _SWEDISH.finditer(text):
        digits = digits_of(match[0])
        # Six digits and a hyphen: nothing else is written so. Otherwise the word before decides.
        classic = len(digits) == 10 and not match[0].isdigit()
        if _is_swedish(digits) and (classic or not _is_other(text, match)):
            yield match.start(), match.end(), digits[-10:]


def _interim(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the numbers given before a personal number is: a letter for the first of the last four digits."""
    for match in _INTERIM.finditer(text):
        key = "".join(character for character in match[0].upper() if character.isalnum())
        if _is_swedish(re.sub("[A-Z]", "1", key)):
            yield match.start(), match.end(), key[-10:]


def _finnish(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _FINNISH.finditer(text):
        if hetu.is_valid(match[0]):
            yield match.start(), match.end(), match[0].upper()


def _norwegian_danish(text: str, language: Language) -> Iterator[tuple[int, int, str]]:
    for match in _NORDIC.finditer(text):
        digits = digits_of(match[0])
        if len(digits) == 11:
            right = fodselsnummer.is_valid(digits) and not _is_other(text, match)
        else:
            right = cpr.is_valid(digits) and _is_danish(text, match, digits, language)
        if right:
            yield match.start(), match.end(), digits


def _is_danish(text: str, match: re.Match[str], digits: str, language: Language) -> bool:
    """Say whether a date and four digits are a Danish number, which need not have a check digit any more."""
    if _CPR.search(text, max(0, match.start() - 40), match.start()):
        return True
    if "-" not in match[0] or language == "sv":  # there it is an order's, or a Swedish one somebody mistyped
        return False
    return language == "da" or cpr.checksum(digits) == 0


def _is_other(text: str, match: re.Match[str]) -> bool:
    return after_reference(text, match.start()) or after_account(text, match.start())


def _is_swedish(digits: str) -> bool:
    """Say whether 10 or 12 digits are a personal or coordination number (samordningsnummer: day + 60)."""
    short = digits[-10:]
    day = int(short[4:6])
    day = day - 60 if day > 60 else day
    centuries = (digits[:2],) if len(digits) == 12 else ("19", "20")
    if short[6:9] == "000" or not luhn.is_valid(short):  # birth numbers begin at 001
        return False
    return any(_is_past(int(c + short[:2]), int(short[2:4]), day) for c in centuries)


def _is_past(year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day) <= datetime.now(UTC).date()
    except ValueError:
        return False
