"""Who it is about: what is known of a person, and the pattern by which a text names them."""

import re
from typing import Any, Literal, Self
from uuid import UUID

import phonenumbers
from pydantic import Field, ValidationInfo, field_validator, model_validator

from foundation.errors import InvalidId
from foundation.ids import parse
from foundation.turns import Value

_LEAST_MARK = 6
"""Characters of an external id that texts are searched for; shorter ones stand in any text."""
_GAP = rb"[ \u00a0./()-]{0,3}".decode("unicode_escape")
# A line break before the mark is `\n` where texts lie as JSON: its n is no letter of the word.
_BEFORE = r"(?:(?<![\w.%+-])|(?<=\\[nrtbf]))"


class Subject(Value):
    """A person, by at least one of what may be known of them."""

    visitor_id: str | None = Field(default=None, max_length=64)
    conversation_id: str | None = Field(default=None, max_length=64)
    customer_id: str | None = Field(default=None, max_length=64)
    external_id: str | None = Field(default=None, min_length=1, max_length=200)
    """As the company's own systems name them."""
    email: str | None = Field(default=None, max_length=254)
    phone: str | None = Field(default=None, max_length=40)
    """With its country code, or as it is written in Sweden."""
    words: tuple[str, ...] = Field(default=(), max_length=20)
    """Names and other words that only this person has."""
    mentions: Literal["conversation", "words"] = "conversation"
    """A customer who writes the e-mail address, the phone number or one of the words: take the whole
    conversation for this person's, or only those words."""

    @field_validator("visitor_id", "conversation_id", "customer_id")
    @classmethod
    def _known_id(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = str(info.field_name).removesuffix("_id")
        if value is not None:
            try:
                parse(kind, value)
            except InvalidId:
                raise ValueError(f"{info.field_name}: not an id of a {kind}; copy it from a list") from None
        return value

    @field_validator("email")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s\"\\]+@[^@\s\"\\]+\.[^@\s\"\\]+", value):
            raise ValueError("email: not an e-mail address; write one like anna@example.com")
        return value

    @field_validator("phone")
    @classmethod
    def _number(cls, value: str | None) -> str | None:
        if value is not None and _parsed(value) is None:
            raise ValueError("phone: not a phone number; write it with its country code, +46701234567")
        return value

    @field_validator("words")
    @classmethod
    def _telling(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any(not 4 <= len(word.strip()) <= 200 or not re.search(r"\w", word) for word in words):
            raise ValueError("words: each must have from 4 to 200 characters; shorter ones stand everywhere")
        return words

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        ids = (self.visitor_id, self.conversation_id, self.customer_id, self.external_id)
        if not any((*ids, self.email, self.phone)):
            known = "visitor_id, conversation_id, customer_id, external_id, email or phone"
            raise ValueError(f"name the person: {known}")
        return self

    def id_of(self, kind: Literal["visitor", "conversation", "customer"]) -> frozenset[UUID]:
        """Return the visitor, conversation or customer that is named, if one is."""
        named = {
            "visitor": self.visitor_id,
            "conversation": self.conversation_id,
            "customer": self.customer_id,
        }[kind]
        return frozenset() if named is None else frozenset({parse(kind, named)})

    @property
    def pattern(self) -> str | None:
        """The expression, for Python and PostgreSQL alike and case left aside, that matches where a text
        names the person; None when nothing is known that texts could hold.
        """
        found = [_word(self.email)] if self.email else []
        found += [_phone(self.phone)] if self.phone else []
        found += [_word(word, "s?") for word in self.words]  # Swedish and English names have a genitive
        if self.external_id and len(self.external_id) >= _LEAST_MARK:
            found.append(_word(self.external_id))
        return "|".join(found) or None


def in_bytes(pattern: str) -> str:
    """Return the pattern for PostgreSQL's `encode(bytes, 'escape')`, which writes other bytes in octal."""
    return re.sub(r"[^\x00-\x7f]", lambda one: "".join(rf"\\{byte:03o}" for byte in one[0].encode()), pattern)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern for Python."""
    return re.compile(pattern, re.IGNORECASE)


def _word(word: str, ending: str = "") -> str:
    spelled = {word} if word.isascii() else {word, word.lower(), word.upper(), word.title()}
    either = "|".join(sorted(r"\s+".join(map(re.escape, each.split())) for each in spelled))
    return rf"{_BEFORE}(?:{either}){ending}(?![\w-])"


def _parsed(phone: str) -> Any:
    try:
        number = phonenumbers.parse(phone, "SE")
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _phone(phone: str) -> str:
    """Return what matches a number however it is written: with country code or 0, with gaps."""
    number = _parsed(phone)
    digits = _GAP.join(phonenumbers.national_significant_number(number))
    country = rf"(?:\+|00)?{number.country_code}{_GAP}(?:0{_GAP})?"
    return rf"(?<![0-9])(?:{country}|0{_GAP})?{digits}(?![0-9])"
