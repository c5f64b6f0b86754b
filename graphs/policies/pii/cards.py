"""Payment cards and IBANs, which their check digits and structure tell."""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import iban, luhn

from foundation.turns import Language
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.words import GAP, after_reference, digits_of

_RUN: Final = re.compile(rf"(?<![\w-])\d+(?:(?:{GAP}|-)\d+)*(?![\w-])")
_GROUP: Final = re.compile(r"\d+")
_SHAPES: Final = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 4, 3), (4, 4, 5)})
"""How cards are written in groups; other groups of digits are lists of numbers."""
_BRANDS: Final = re.compile(
    r"4\d{15}(?:\d{3})?"  # Visa; 13 digits are out of use, and what articles have
    r"|(?:5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d+(?<=\A\d{16})"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6(?:011|4[4-9]|5)|62)\d+(?<=\A\d{16})"  # Discover, UnionPay
    r"|3(?:0[0-5]|[689])\d+(?<=\A\d{14})"  # Diners
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|(?:5[06-8]|6[37])\d+(?<=\A\d{16})|(?:5[06-8]|6[37])\d+(?<=\A\d{19})"  # Maestro
)
_CARD_WORD: Final = re.compile(
    r"\b(?<!gift )(?:(?:bank|kredit|debet|debit|betal|betalnings|konto|luotto|maksu|pankki|visa|master)?"
    r"(?:kort\w*|cards?|kortti\w*)|visa|mastercard|maestro|amex|cc)\b[^\d\n]{0,30}\Z",
    re.IGNORECASE,
)
_IBAN: Final = re.compile(
    rf"(?<![^\W_])[A-Z]{{2}}\d{{2}}(?:(?:{GAP}|-)?[A-Z0-9]{{4}}){{2,7}}(?:(?:{GAP}|-)?[A-Z0-9]{{1,3}})?(?![^\W_])",
    re.IGNORECASE,
)
_LAST_GROUP: Final = re.compile(r"[ \u00a0-][^ \u00a0-]*\Z")


def cards(text: str, _language: Language) -> Iterator[Found]:
    """Yield the payment cards in a text, also where other numbers follow, such as the date on the card."""
    for run in _RUN.finditer(text):
        groups = [
            (match.start() + run.start(), match.end() + run.start()) for match in _GROUP.finditer(run[0])
        ]
        at = 0
        while at < len(groups):
            size = _card_at(text, groups[at:])
            if size:
                start, end = groups[at][0], groups[at + size - 1][1]
                yield Found("kort", start, end, digits_of(text[start:end]))
            at += size or 1


def _card_at(text: str, groups: list[tuple[int, int]]) -> int:
    """Return how many of the groups, from the first, are a card: 0 for none."""
    start = groups[0][0]
    for size in (1, 3, 4, 5)[::-1]:
        shape = tuple(end - begin for begin, end in groups[:size])
        if len(shape) == size and (shape in _SHAPES or (size == 1 and 12 <= shape[0] <= 19)):
            digits = digits_of(text[start : groups[size - 1][1]])
            if luhn.is_valid(digits) and len(set(digits)) > 1 and _is_card(text, start, digits):
                return size
    return 0


def _is_card(text: str, start: int, digits: str) -> bool:
    """Say whether digits are a brand's, or called a card: every tenth parcel passes the check digit."""
    if after_reference(text, start):
        return False
    return bool(_BRANDS.fullmatch(digits) or _CARD_WORD.search(text, max(0, start - 50), start))


def ibans(text: str, _language: Language) -> Iterator[Found]:
    """Yield the IBANs in a text."""
    for match in _IBAN.finditer(text):
        # The pattern may take in the words after the number: try without the last groups.
        candidate = match[0]
        while candidate:
            key = "".join(character for character in candidate if character.isalnum())
            # A bank's own check digits are not asked: whoever sends such a number means an account.
            if _one_case(key[2:]) and iban.is_valid(key, check_country=False):
                yield Found("iban", match.start(), match.start() + len(candidate), key.upper())
                break
            shorter = _LAST_GROUP.sub("", candidate)
            candidate = shorter if shorter != candidate else ""


def _one_case(text: str) -> bool:
    return text in {text.upper(), text.lower()}
