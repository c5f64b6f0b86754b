"""Numbers of companies: Swedish ones by their hyphen or the word, the neighbours' by the word."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from stdnum.dk import cvr
from stdnum.fi import ytunnus
from stdnum.no import orgnr as norwegian
from stdnum.se import orgnr, vat

from foundation.turns import Language
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.words import digits_of

_HYPHEN: Final = re.compile(r"(?<![\d-])(?:16)?\d{6}[-–]\d{4}(?![\d-])")
_VAT: Final = re.compile(r"(?<!\w)SE ?\d{6}-?\d{4} ?01(?![\w-])", re.IGNORECASE)
_FINNISH: Final = re.compile(r"(?<![\w-])(?:FI ?)?\d{7}-?\d(?![\w-])", re.IGNORECASE)
_PLAIN: Final = re.compile(r"(?<![\d-])\d{2,3} ?\d{2,3} ?\d{2,3}(?: ?\d{2})?(?![\d-])")
_NR: Final = r"[.\s-]*(?:nr|nummer|no|number)"
_WORD: Final = (
    rf"\b(?:org(?:anisa(?:tion|sjon)s?)?{_NR}|(?:cvr|se-nr|y-tunnus)(?:{_NR})?|(?:vat|moms){_NR})\b"
)
_BEFORE: Final = re.compile(rf"{_WORD}\W{{0,3}}(?:(?:är|is|er|on)\b\W{{0,2}})?(?:NO|DK)?\s?\Z", re.IGNORECASE)
_BEHIND: Final = re.compile(
    rf"\W{{1,3}}(?:(?:är|is|er)\s)?(?:(?:vårt|mitt|our|my|vores)\s)?{_WORD}", re.IGNORECASE
)
_LENGTHS: Final[dict[int, Callable[[str], bool]]] = {
    10: orgnr.is_valid,
    9: norwegian.is_valid,
    8: cvr.is_valid,
}


def companies(text: str, _language: Language) -> Iterator[Found]:
    """Yield the numbers of companies in a text."""
    for match in _HYPHEN.finditer(text):
        digits = digits_of(match[0])[-10:]
        if int(digits[2]) >= 2 and orgnr.is_valid(digits):
            yield _found(match, digits)
    for match in _VAT.finditer(text):
        if vat.is_valid(match[0]):
            yield _found(match, digits_of(match[0])[:10])
    for match in _FINNISH.finditer(text):
        digits = digits_of(match[0])
        if ytunnus.is_valid(digits) and ("-" in match[0] or _named(text, match)):
            yield _found(match, digits)
    for match in _PLAIN.finditer(text):
        digits = digits_of(match[0])
        # Every tenth order number would pass the check digit; the word beside it decides.
        if _LENGTHS.get(len(digits), _never)(digits) and _named(text, match):
            yield _found(match, digits)


def _found(match: re.Match[str], key: str) -> Found:
    return Found("organisationsnummer", match.start(), match.end(), key)


def _named(text: str, match: re.Match[str]) -> bool:
    before = _BEFORE.search(text, max(0, match.start() - 40), match.start())
    return bool(before or _BEHIND.match(text, match.end()))


def _never(_digits: str) -> bool:
    return False
