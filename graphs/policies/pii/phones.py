"""Phone numbers: what a country's rules allow and nothing else looks like, or what is called one."""

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers

from foundation.turns import Language
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.words import digits_of

_PHONE_WORD: Final = re.compile(
    r"\b(?:tel|tlf|tfn|telefon\w*|phone|mobil\w*|ring|call|puh\w*)\b\W*(?:\w+ )?\Z", re.IGNORECASE
)
_NUMBER: Final = r"\+?\(?\d(?:[ \u00a0()./-]{0,2}\d){5,15}(?:\s?x\d{2,6})?"
_LABEL: Final = re.compile(
    r"(?:\b(?:tel|tlf|tfn|fax|(?:telefon|mobil|puhelin|phone|mobile|cell|desk)[\s-]?(?:nr|no|nummer|number|numero)?)\b"
    r"\.?(?:\s?[:=]|\s(?:är|is|er|on))\s?"
    r"|\b(?:tel|tlf|tfn)\.?\s"
    r"|\b(?:ring\w*|call\w*|nås?|reach|text|sms:?a|answering|answer)\s(?:(?:me|us|mig|oss|meg)\s)?(?:on|at|på)\s"
    r"|\b(?:call|dial|ring)\s)"
    rf"(?P<number>{_NUMBER})(?![\w%€])(?!\s?(?:kr|sek|eur|nok|dkk|€|%|:-))",
    re.IGNORECASE,
)
_BEHIND: Final = re.compile(
    rf"(?<![\w.+-])(?P<number>{_NUMBER})(?:\s?[(,-]\s?|\s)(?:office|fax|mobile|mobil|cell|desk|kontor|hem|arbete)\b",
    re.IGNORECASE,
)
"""As in the signature under a letter."""
_DATE: Final = re.compile(
    r"(?:19|20)\d{2}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d{2}.*"
)
_NO_PHONE: Final = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}"  # an IP address
    r"|\d{1,2}[.:]?(?:[03]0|15|45)\s?[-–]\s?\d{1,2}[.:]?(?:[03]0|15|45)"  # opening hours
    r"|\d+[.,]\d{2}"  # an amount
)
_IN_OTHER: Final = re.compile(r"(?:[$€£]\s?|_|\d[a-z]+|[a-z]\d[a-z0-9]*)\Z", re.IGNORECASE)
"""What stands before digits that are an amount, or the middle of an identifier."""
_WORD_GOES_ON: Final = re.compile(r"\w")
_REGIONS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("SE",),
    "en": ("SE", "GB", "US"),
    "nb": ("NO", "SE"),
    "da": ("DK", "SE"),
    "fi": ("FI", "SE"),
}
_TRUNK_ZERO: Final = frozenset({"SE", "FI", "GB"})
"""Where a national number begins with 0, so that a bare order number does not look like one."""


def phones(text: str, language: Language) -> Iterator[Found]:
    """Yield the phone numbers in a text: by the language's countries, and whatever is called one."""
    yield from _national(text, language)
    yield from _labelled(text)


def _national(text: str, language: Language) -> Iterator[Found]:
    for region in _REGIONS[language]:
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.POSSIBLE):
            if _looks_like_phone(text, match, region):
                key = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                opening = len(match.raw_string) - len(match.raw_string.lstrip("[{/"))  # of a Markdown link
                yield Found("telefon", match.start + opening, match.end, key)


def _looks_like_phone(text: str, match: phonenumbers.PhoneNumberMatch, region: str) -> bool:
    """Refuse what is as likely an order number: bare digits without prefix, grouping or a word before."""
    raw = match.raw_string.lstrip("([{/")
    goes_on = raw.isdigit() and _WORD_GOES_ON.match(text, match.end)
    if goes_on or _is_no_phone(raw) or _IN_OTHER.search(text[: match.start]):
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


def _labelled(text: str) -> Iterator[Found]:
    for match in (*_LABEL.finditer(text), *_BEHIND.finditer(text)):
        number = match["number"]
        if not _is_no_phone(number):
            yield Found("telefon", *match.span("number"), digits_of(number))


def _is_no_phone(number: str) -> bool:
    return bool(_NO_PHONE.fullmatch(number) or _DATE.fullmatch(number))
