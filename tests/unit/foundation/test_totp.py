"""One-time passwords as RFC 6238 has them."""

from urllib.parse import parse_qs, urlsplit

import pytest

from foundation.identity import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("now", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(now: int, code: str) -> None:
    assert totp.code_at(SECRET, now // 30) == code
    assert totp.step_of(SECRET, code, now, after=0) == now // 30


def test_a_clock_may_be_half_a_minute_off_and_no_more() -> None:
    step = 50_000_000
    for drift, expected in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        code = totp.code_at(SECRET, step + drift)
        assert totp.step_of(SECRET, code, step * 30 + 7, after=0) == expected


def test_a_code_counts_once() -> None:
    code = totp.code_at(SECRET, 100)
    assert totp.step_of(SECRET, code, 3000, after=99) == 100
    assert totp.step_of(SECRET, code, 3000, after=100) is None


@pytest.mark.parametrize("typed", ["", "12345", "１２３４５６", "abcdef", "0" * 5000])
def test_what_is_no_code_fits_nothing(typed: str) -> None:
    assert totp.step_of(SECRET, typed, 3000, after=0) is None


def test_an_app_reads_the_address() -> None:
    address = urlsplit(totp.address(SECRET, "åsa@example.com"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query)["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]


def test_recovery_codes_are_ten_and_typed_as_one_likes() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10
    assert totp.plain_recovery_code(f" {codes[0].upper().replace('-', ' ')} ") == codes[0].replace("-", "")
