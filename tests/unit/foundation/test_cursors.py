"""Cursors: what was written is read again, and nothing else is."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from foundation import cursors
from foundation.errors import InvalidInput

ID = UUID("01a21cb0-0247-73ea-9081-de23321f8560")
KINDS = (str, int, datetime, UUID)


@pytest.mark.parametrize(
    "at", [datetime.now(UTC), datetime(2026, 1, 1, tzinfo=timezone(-timedelta(hours=3)))]
)
def test_a_place_comes_back_as_it_was(at: datetime) -> None:
    place: list[cursors.Part] = ['åäö "\x01', -7, at, ID]
    assert cursors.read(cursors.written(*place), KINDS) == place


def of(told: bytes) -> str:
    return urlsafe_b64encode(told).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "å",
        of(b"{}"),
        of(b"1"),
        of(b'"ab"'),
        of(b"[]"),
        of(b'["a",true,"2026-01-01T00:00:00Z","01a21cb0024773ea9081de23321f8560"]'),
        of(b'["a",1,"2026-01-01T00:00:00","01a21cb0024773ea9081de23321f8560"]'),
        of(b'["a",1,"today","01a21cb0024773ea9081de23321f8560"]'),
        of(b'["a",1,"2026-01-01T00:00:00Z","01a21cb0"]'),
        of(b'["a",1,"2026-01-01T00:00:00Z","01a21cb0024773ea9081de23321f8560",1]'),
        of(b'["a\\u0000",1,"2026-01-01T00:00:00Z","01a21cb0024773ea9081de23321f8560"]'),
        of(b'["a",9223372036854775808,"2026-01-01T00:00:00Z","01a21cb0024773ea9081de23321f8560"]'),
        of(b'["a",1,"2026-01-01T00:00:00+01:00:00.5","01a21cb0024773ea9081de23321f8560"]'),
        of(b'[1,1,"2026-01-01T00:00:00Z","01a21cb0024773ea9081de23321f8560"]'),
    ],
)
def test_what_is_no_place_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        cursors.read(cursor, KINDS)
    assert refused.value.data["field"] == "cursor"
