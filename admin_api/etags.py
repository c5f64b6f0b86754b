"""Optimistic concurrency: an ETag is the version in quotes, and `If-Match` names the one that was read."""

from typing import Annotated

from fastapi import Depends, Header, Response

from foundation.errors import InvalidInput


def mark(response: Response, version: int) -> None:
    """Put a version into a response as its ETag."""
    response.headers["ETag"] = etag(version)


def etag(version: int) -> str:
    """Return a version as an ETag."""
    return f'"{version}"'


async def _expected(if_match: Annotated[str | None, Header(max_length=64)] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        detail = "If-Match: not an ETag of ours; send the one that GET answered with"
        raise InvalidInput(field="If-Match", detail=detail)
    return int(digits)


Expected = Annotated[int | None, Depends(_expected)]
"""The version that a change was made from; None when the client does not say."""
