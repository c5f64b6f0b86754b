"""Personal data: finds identity numbers, cards, accounts, phones and e-mail addresses, and replaces them.

In: the customer's words are redacted before retrieval and the model see them. Out: identity numbers and cards
never pass; contacts and accounts pass only when they stand in a cited passage, as the shop's own do.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args

import phonenumbers
from stdnum import iban, luhn
from stdnum.dk import cpr
from stdnum.fi import hetu
from stdnum.no import fodselsnummer
from stdnum.se import orgnr

from foundation.turns import Language
from graphs.policies.port import ALLOW, Decision

Kind = Literal[
    "personnummer", "kort", "iban", "bankkonto", "organisationsnummer", "e-post", "telefon", "ip-adress"
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SECRET: Final[frozenset[Kind]] = frozenset({"personnummer", "kort"})
"""What an answer never contains, wherever it may stand."""

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+%'-]+@(?:[\w-]+\.)+[^\W\d_]{2,}\b")
_PERSON: Final = re.compile(
    r"(?<![\d-])(?:(?:18|19|20)\d{2}|\d{2})[01]\d{3}(?:\+|\s?[-–]\s?| )?\d{4}(?![\d-])"
)
_FINNISH: Final = re.compile(r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]\b")
_INTERIM: Final = re.compile(
    r"(?<![\w-])(?:(?:18|19|20)\d{2}|\d{2})[01]\d{3}[-+ ]?[RSUWXJKLMN]\d{3}(?![\w-])"
)
"""A Swedish number given for the time being; it has a letter where the birth number begins."""
_NORDIC: Final = re.compile(r"(?<![\d-])\d{6}(?:[- ]?\d{4}|[ ]?\d{5})(?![\d-])")
_COMPANY: Final = re.compile(r"(?<![\d-])(?:16)?\d{6}-\d{4}(?![\d-])")
_COMPANY_PLAIN: Final = re.compile(r"(?<![\d-])\d{10}(?![\d-])")
_COMPANY_WORD: Final = re.compile(r"org(?:anisations?)?[.\s-]*(?:nr|nummer|no|number)\b\W*\Z", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\d-])\d(?:[ -]?\d){11,18}(?![\d-])")
_SHORT_CARD: Final = re.compile(r"50[1-9]|5[678]|6304|6759|676[123]")
"""Maestro, the only cards of twelve digits."""
_CARD_PREFIX: Final = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|3(?:0[0-5]|[68])|35|2131|1800"
    r"|5[06-8]|6[37]"
)
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE)
_BANK: Final = re.compile(
    r"\b(?P<word>bankgiro(?:nummer|t)?|bg(?:[- ]?nr)?|plusgiro(?:nummer|t)?|postgiro|pg(?:[- ]?nr)?"
    r"|konto(?:nummer|nr|numret)?|bankkonto|clearing(?:nummer|nr)?|account(?: number)?)"
    r"[\s:.,#är-]{0,6}(?:is |nr |nummer )?(?P<number>\d[\d -]{4,22}\d)(?![\d-])",
    re.IGNORECASE,
)
"""Giro and account numbers; digits alone could be anything, so the word before them decides."""
_CLEARING: Final = re.compile(r"(?<![\d-])[1-9]\d{3}(?:-\d)?[ ,-]{1,2}\d(?:[ -]?\d){6,9}(?![\d-])")
_IP: Final = re.compile(
    r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?![\w:]|\.\d)",
    re.IGNORECASE,
)
_NEAR_BANK: Final = re.compile(r"\b(?:konto\w*|clearing\w*|bank\w*|account)\b", re.IGNORECASE)
_VERSION: Final = re.compile(r"\b(?:v|ver|version|release|utgåva|firmware)\.?\s*\Z", re.IGNORECASE)
_PHONE_WORD: Final = re.compile(
    r"\b(?:tel|tlf|tfn|telefon\w*|phone|mobil\w*|ring|call|puh\w*)\b\W*(?:\w+ )?\Z", re.IGNORECASE
)
_NO_PHONE: Final = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}"  # an IP address
    r"|\d{1,2}[.:]?(?:[03]0|15|45)\s?[-–]\s?\d{1,2}[.:]?(?:[03]0|15|45)"  # opening hours
)
_REGIONS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("SE",),
    "en": ("SE", "GB", "US"),
    "nb": ("NO", "SE"),
    "da": ("DK", "SE"),
    "fi": ("FI", "SE"),
}
_TRUNK_ZERO: Final = frozenset({"SE", "FI", "GB"})
"""Where a national number begins with 0, so that a bare order number does not look like one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data. `key` is its canonical form: compare it, never log it."""

    kind: Kind
    start: int
    end: int
    key: str


def find(text: str, language: Language) -> list[Found]:
    """Return the personal data in a text in order, without overlaps; the language tells phone formats."""
    if not any(character.isdigit() or character in "@:" for character in text):
        return []
    taken: list[Found] = []
    # The order settles overlaps: a card is no phone number, a personal number no company's.
    for found_by in (
        _emails(text),
        _ips(text),
        _ibans(text),
        _cards(text),
        _people(text, language),
        _accounts(text),
        _companies(text),
    ):
        taken.extend(found for found in found_by if _free(found, taken))
    taken.extend(found for found in _phones(text, language) if _free(found, taken))
    return sorted(taken, key=lambda found: found.start)


def redact(
    texts: Sequence[str], language: Language, kinds: frozenset[Kind] = frozenset(KINDS)
) -> tuple[list[str], Decision]:
    """Return the texts with `[personnummer 1]` and the like; the same datum has the same number in all.

    The decision's spans are those of the last text, which is the one being judged.
    """
    numbers: dict[tuple[Kind, str], int] = {}
    counts: dict[Kind, int] = {}
    redacted: list[str] = []
    spans: tuple[tuple[int, int], ...] = ()
    for text in texts:
        spans = ()
        parts, at = [], 0
        for found in find(text, language):
            if found.kind not in kinds:
                continue
            key = (found.kind, found.key)
            if key not in numbers:
                counts[found.kind] = numbers[key] = counts.get(found.kind, 0) + 1
            parts += [text[at : found.start], f"[{found.kind} {numbers[key]}]"]
            spans += ((found.start, found.end),)
            at = found.end
        redacted.append("".join([*parts, text[at:]]))
    if not numbers:
        return redacted, ALLOW
    reason = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()))
    return redacted, Decision(action="redact", rule="pii", reason=reason, spans=spans)


def outbound(unit: str, *, before: str, allowed: frozenset[str], language: Language) -> Decision:
    """Judge a unit of an answer, with the unit before it, since a number can be split between the two.

    `allowed` are the keys of what stands in cited passages. Spans are offsets into `before + " " + unit`.
    """
    text = f"{before} {unit}"
    blocked = [
        found
        for found in find(text, language)
        if found.end > len(before) + 1 and (found.kind in SECRET or found.key not in allowed)
    ]
    if not blocked:
        return ALLOW
    kinds = ", ".join(sorted({found.kind for found in blocked}))
    return Decision(
        action="block",
        rule="pii",
        reason=kinds,
        spans=tuple((found.start, found.end) for found in blocked),
        stage="after",
    )


def keys(texts: Iterable[str], language: Language) -> frozenset[str]:
    """Return the canonical forms of all personal data in some texts."""
    return frozenset(found.key for text in texts for found in find(text, language))


def _free(found: Found, taken: Sequence[Found]) -> bool:
    return all(found.end <= other.start or found.start >= other.end for other in taken)


def _emails(text: str) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        yield Found("e-post", match.start(), match.end(), match[0].casefold())


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        # The pattern may take in the word after the number: try without the last groups.
        candidate = match[0]
        while candidate:
            if iban.is_valid(candidate):
                key = iban.compact(candidate)
                yield Found("iban", match.start(), match.start() + len(candidate), key)
                break
            candidate = candidate.rpartition(" ")[0]


def _cards(text: str) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        digits = _digits(match[0])
        if len(digits) == 12 and not _SHORT_CARD.match(digits):
            continue
        if _CARD_PREFIX.match(digits) and luhn.is_valid(digits) and len(set(digits)) > 1:
            yield Found("kort", match.start(), match.end(), digits)


def _people(text: str, language: Language) -> Iterator[Found]:
    danes = language == "da" or "cpr" in text.casefold()
    for match in _PERSON.finditer(text):
        digits = _digits(match[0])
        if _is_swedish_person(digits):
            yield Found("personnummer", match.start(), match.end(), digits[-10:])
    for match in _INTERIM.finditer(text):
        short = re.sub(r"[-+ ]", "", match[0])[-10:]
        if _is_date(2000, int(short[2:4]), int(short[4:6])):
            yield Found("personnummer", match.start(), match.end(), short)
    for match in _FINNISH.finditer(text):
        if hetu.is_valid(match[0]):
            yield Found("personnummer", match.start(), match.end(), match[0])
    for match in _NORDIC.finditer(text):
        digits = _digits(match[0])
        # A Danish number is a date and four digits; so is a mistyped Swedish one.
        danish = len(digits) == 10 and "-" in match[0] and danes and cpr.is_valid(digits)
        if danish or (len(digits) == 11 and fodselsnummer.is_valid(digits)):
            yield Found("personnummer", match.start(), match.end(), digits)


def _is_swedish_person(digits: str) -> bool:
    """Say whether 10 or 12 digits are a personal or coordination number (samordningsnummer: day + 60)."""
    short = digits[-10:]
    day = int(short[4:6])
    day = day - 60 if day > 60 else day
    centuries = (digits[:2],) if len(digits) == 12 else ("19", "20")
    if short[6:9] == "000" or not luhn.is_valid(short):  # birth numbers begin at 001
        return False
    return any(_is_date(int(c + short[:2]), int(short[2:4]), day) for c in centuries)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _accounts(text: str) -> Iterator[Found]:
    for match in _BANK.finditer(text):
        digits = _digits(match["number"])
        word = match["word"].casefold()
        giro = word.startswith(("b", "p")) and word != "bankkonto"
        # Giro numbers have 7 or 8 digits (bankgiro) or 2 to 8 (plusgiro), the last one a check digit.
        if (6 <= len(digits) <= 8 and luhn.is_valid(digits)) if giro else 7 <= len(digits) <= 15:
            yield Found("bankkonto", match.start("number"), match.end("number"), digits)
    for match in _CLEARING.finditer(text):
        if _NEAR_BANK.search(text[max(0, match.start() - 40) : match.start()]):
            yield Found("bankkonto", match.start(), match.end(), _digits(match[0]))


def _ips(text: str) -> Iterator[Found]:
    for match in _IP.finditer(text):
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        if match[0] not in ("::", "::1") and not _VERSION.search(text[: match.start()][-12:]):
            yield Found("ip-adress", match.start(), match.end(), str(address))


def _companies(text: str) -> Iterator[Found]:
    for match in _COMPANY.finditer(text):
        digits = _digits(match[0])[-10:]
        if int(digits[2]) >= 2 and orgnr.is_valid(digits):
            yield Found("organisationsnummer", match.start(), match.end(), digits)
    for match in _COMPANY_PLAIN.finditer(text):
        # Every tenth order number would pass the check digit; the word before it decides.
        if orgnr.is_valid(match[0]) and _COMPANY_WORD.search(text[: match.start()]):
            yield Found("organisationsnummer", match.start(), match.end(), match[0])


def _phones(text: str, language: Language) -> Iterator[Found]:
    for region in _REGIONS[language]:
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.POSSIBLE):
            if _looks_like_phone(text, match, region):
                key = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                opening = len(match.raw_string) - len(match.raw_string.lstrip("[{/"))  # of a Markdown link
                yield Found("telefon", match.start + opening, match.end, key)


def _looks_like_phone(text: str, match: phonenumbers.PhoneNumberMatch, region: str) -> bool:
    """Refuse what is as likely an order number: bare digits without prefix, grouping or a word before."""
    raw = match.raw_string.lstrip("([{/")
    if _NO_PHONE.fullmatch(raw):
        return False
    if raw.startswith("+"):
        return True
    if not phonenumbers.is_valid_number(match.number):
        return False
    if raw.startswith("0") and region in _TRUNK_ZERO:
        return True
    if _PHONE_WORD.search(text[: match.start][-24:]):
        return True
    return region not in _TRUNK_ZERO and not raw.isdigit()


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
