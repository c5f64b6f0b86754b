"""Texts that clients send, checked at the door."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

LONGEST_MESSAGE = 8_000
"""Characters. A longer message is a document, not a question."""


def _sayable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("null_byte", "null bytes are not allowed")
    if not any(not unicodedata.category(letter).startswith(("C", "Z")) for letter in text):
        raise PydanticCustomError("blank", "the text is empty")
    return text


def printable(text: str) -> str:
    """Raises: PydanticCustomError for text with characters that are not shown."""
    if not text.isprintable():
        raise PydanticCustomError("not_printable", "only printable characters are allowed")
    return text


Said = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_MESSAGE, strip_whitespace=True),
    AfterValidator(_sayable),
]
IdempotencyKey = Annotated[str, StringConstraints(min_length=16, max_length=128), AfterValidator(printable)]
"""Long enough not to be guessed: it opens what it began."""
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(printable)]


class Body(BaseModel):
    """A request body: unknown fields are an error, numbers are not texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
