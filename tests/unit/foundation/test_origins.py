"""Origins of pages: exact, or all names below a domain; look-alikes are others."""

import pytest

from foundation.origins import is_allowed, origin_of


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("https://Shop.Example.com", "https://shop.example.com"),
        ("https://shop.example.com:443/", "https://shop.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://*.example.co.uk:8443", "https://*.example.co.uk:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_has_one_form(given: str, form: str) -> None:
    assert origin_of(given) == form


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "null", "*", "shop.example.com", "https://", "https://*", "https://*.com", "https://a.*.com"),
        *("https://*example.com", "https://a.se/path", "https://a.se?x", "https://me@a.se", "ftp://a.se"),
        *("https://a.se:port", "javascript:alert(1)", "https://a b.se", "https://a..se", "https://[::1"),
    ],
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="an origin is"):
        origin_of(wrong)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example.com", True),
        ("https://a.b.example.com", True),
        ("https://own.se", True),
        ("https://own.se:8443", False),
        ("https://example.com", False),
        ("https://notexample.com", False),
        ("https://example.com.evil.se", False),
        ("http://shop.example.com", False),
        ("https://*.example.com", False),
        ("null", False),
    ],
)
def test_a_pattern_has_all_names_below_and_nothing_else(origin: str, allowed: bool) -> None:
    assert is_allowed(origin, ["https://*.example.com", "https://own.se"]) is allowed
