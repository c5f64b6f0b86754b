"""Bank accounts: bankgiro, plusgiro, clearing and account number; the digits alone say little, words do."""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import luhn
from stdnum.no import kontonr

from foundation.turns import Language
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.words import GAP, digits_of

_NR: Final = r"(?:[\s.-]{0,2}(?:nr|no|nummer|numret|number|konto))?"
_IS: Final = r"\W{0,3}(?:(?:är|is|er|on)\b\W{0,2})?"
_DIGITS: Final = rf"\d(?:(?:{GAP}|[.-])?\d)"
_BANKGIRO: Final = re.compile(
    rf"\b(?:bg|bankgirot?){_NR}{_IS}(?P<number>\d{{3,4}}(?:{GAP}?[-–]{GAP}?|{GAP})?\d{{4}})(?![\w-])", re.I
)
_PLUSGIRO: Final = re.compile(
    rf"\b(?P<word>pg|plusgirot?|postgirot?){_NR}{_IS}(?P<number>\d(?:{GAP}?\d){{0,6}}{GAP}?[-–]?{GAP}?\d)(?![\w-])",
    re.I,
)
_CLEARING: Final = re.compile(
    rf"\bclearing\w*{_NR}{_IS}(?P<number>[1-9]\d{{3}}(?:-?\d)?(?:[\s,;:/-]|\b(?:och|and|og|ja|konto\w*|account|nr|no|number|är|is)\b\.?)"
    rf"{{1,12}}{_DIGITS}{{5,12}})(?![\w-])",
    re.I,
)
_ACCOUNT: Final = re.compile(
    r"\b(?P<word>(?:bank|spar|löne|lønns|løn)?konto(?:nr|numm?er|numret)?|(?:bank )?account|tilinumero\w*)"
    rf"{_NR}\.?{_IS}(?P<number>(?:\d{{4}}(?:-\d)?[\s,;/-]{{1,3}})?{_DIGITS}{{5,14}})(?![\w-])",
    re.I,
)
_SWEDBANK: Final = re.compile(rf"(?<![\d-])8\d{{3}}-\d(?:,{GAP}?|{GAP}){_DIGITS}{{5,9}}(?![\w-])")
_NORWEGIAN: Final = re.compile(r"(?<![\d.-])\d{4}\.\d{2}\.\d{5}(?![\w-]|\.\d)")
_SURE: Final = re.compile(r"\w+konto|konto\w+|bank account|tilinumero", re.I)
"""Words that mean a bank's account; a bare `konto` may be the customer's in the shop, with a short number."""


def accounts(text: str, _language: Language) -> Iterator[Found]:
    """Yield the bank accounts in a text; one that is written with its clearing number together with it."""
    for start, end in (*_giros(text), *_clearings(text), *_others(text)):
        yield Found("bankkonto", start, end, digits_of(text[start:end]))


def _giros(text: str) -> Iterator[tuple[int, int]]:
    for match in _BANKGIRO.finditer(text):
        if luhn.is_valid(digits_of(match["number"])):
            yield match.span("number")
    for match in _PLUSGIRO.finditer(text):
        digits = digits_of(match["number"])
        # They may have two digits, but then `pg 18` is a page.
        long = len(digits) >= 5 or (len(match["word"]) > 2 and not match["number"].isdigit())
        if long and luhn.is_valid(digits):
            yield match.span("number")


def _clearings(text: str) -> Iterator[tuple[int, int]]:
    for match in _CLEARING.finditer(text):
        yield match.span("number")
    for match in _SWEDBANK.finditer(text):
        if luhn.is_valid(digits_of(match[0][:6])):
            yield match.span()


def _others(text: str) -> Iterator[tuple[int, int]]:
    for match in _ACCOUNT.finditer(text):
        least = 7 if _SURE.fullmatch(match["word"]) else 10
        if least <= len(digits_of(match["number"])) <= 16:
            yield match.span("number")
    for match in _NORWEGIAN.finditer(text):
        if kontonr.is_valid(digits_of(match[0])):
            yield match.span()
