"""Texts that staff send, checked at the door."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("null bytes are not allowed")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters are allowed")
    return text


Said = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8_000, strip_whitespace=True),
    AfterValidator(_storable),
]
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_plain)
]
Label = Annotated[
    str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True), AfterValidator(_plain)
]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_plain)]


LARGEST_METADATA = 8_192
"""Bytes of JSON."""


def small(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata that can be kept.

    Raises:
        ValueError: it is larger than `LARGEST_METADATA`, or has null bytes.
    """
    written = orjson.dumps(metadata)
    if len(written) > LARGEST_METADATA or b"\\u0000" in written:
        raise ValueError("metadata has at most 8 KB and no null bytes")
    return metadata


class Body(BaseModel):
    """A request body: unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
