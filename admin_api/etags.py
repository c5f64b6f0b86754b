"""Optimistic concurrency: a version as ETag, and `If-Match` as the version that somebody has read."""

from typing import Annotated

from fastapi import Depends, Header, Response

from foundation.errors import PreconditionFailed


async def _expected(if_match: Annotated[str | None, Header(max_length=100)] = None) -> int | None:
    """Return the version that the client has read; None if it does not say.

    Raises:
        PreconditionFailed: it says something that no version of ours ever was.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise PreconditionFailed()
    return int(digits)


Expected = Annotated[int | None, Depends(_expected)]


def mark(response: Response, version: int) -> None:
    """Put a version into a response as its ETag."""
    response.headers["ETag"] = f'"{version}"'
