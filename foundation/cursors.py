"""Opaque cursors of lists: where a page ended, as text that clients hand back."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from foundation.errors import InvalidInput

_LARGEST: Final = 2**63
Part = str | int | datetime | UUID
"""Times have a zone."""


def written(*place: Part) -> str:
    """Return the cursor of a place."""
    return urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def read(cursor: str, kinds: Sequence[type[Part]]) -> list[Any]:
    """Return the place behind a cursor, whose parts are of these kinds.

    Raises:
        InvalidInput: it is none of ours.
    """
    try:
        place = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(place, list):
            raise TypeError(place)
        return [_part(kind, told) for kind, told in zip(kinds, place, strict=True)]
    except (TypeError, ValueError, binascii.Error):
        raise foreign() from None


def foreign() -> InvalidInput:
    """Return the refusal of a cursor that is none of this list's."""
    detail = "cursor: give back what the answer before had as `next`, and ask for the same order"
    return InvalidInput(field="cursor", detail=detail)


def _part(kind: type[Part], told: object) -> Part:
    """Return a part that the database can hold. Raises: ValueError: it is none."""
    if kind is int and type(told) is int and -_LARGEST <= told < _LARGEST:
        return told
    if kind is str and isinstance(told, str) and "\0" not in told:
        return told
    if kind is UUID and isinstance(told, str):
        return UUID(told)
    if kind is datetime and isinstance(told, str):
        at = datetime.fromisoformat(told)
        if (offset := at.utcoffset()) is not None and not offset.microseconds:
            return at
    raise ValueError(told)
