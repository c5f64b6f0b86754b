"""Opaque cursors of lists: where a page ended, as text that clients hand back."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import orjson

from foundation.errors import InvalidInput


def written(*place: str | int) -> str:
    """Return the cursor of a place."""
    return urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def read(cursor: str, kinds: Sequence[type]) -> list[str | int]:
    """Return the place behind a cursor, whose parts are of these kinds.

    Raises:
        InvalidInput: it is none of ours.
    """
    try:
        place = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise InvalidInput(field="cursor") from None
    if not isinstance(place, list) or [type(part) for part in place] != list(kinds):
        raise InvalidInput(field="cursor")
    return place
