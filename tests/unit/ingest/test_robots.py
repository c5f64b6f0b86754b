"""What robots.txt lets us read, case by case as RFC 9309 has them."""

import time

import pytest

from ingest.robots import LONGEST_PAUSE_S, robots_of

RULES = b"""\xef\xbb\xbf# hello
User-agent: *
Disallow: /

User-Agent: other
User-agent: replik-knowledge   # us
Disallow: /private
Allow: /private/open
Disallow: /*.pdf$
Disallow: /a?b=
Disallow: /%C3%A5
Crawl-delay: 2.5

Sitemap: https://a.example/sitemap.xml
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *(("/", True), ("/private", False), ("/private/x", False), ("/private/open/x", True)),
        *(("/x.pdf", False), ("/x.pdf?page=2", True), ("/a?b=1", False), ("/axb=1", True)),
        *(("/%C3%A5", False), ("/å", False)),
    ],
)
def test_our_own_rules_count_and_the_longest_decides(path: str, allowed: bool) -> None:
    assert robots_of(RULES).allows(path) is allowed


def test_the_rest_of_the_file() -> None:
    robots = robots_of(RULES)
    assert robots.pause_s == 2.5
    assert robots.sitemaps == ("https://a.example/sitemap.xml",)


def test_without_our_name_the_rules_for_all_count_and_without_those_none() -> None:
    assert not robots_of(b"User-agent: *\nDisallow: /x").allows("/x")
    assert robots_of(b"User-agent: other\nDisallow: /").allows("/x")
    assert robots_of(b"User-agent: *\nDisallow:").allows("/x")
    assert robots_of(b"\x00\xff nonsense").allows("/x")


def test_groups_of_the_same_name_are_one_and_of_equal_rules_allow_wins() -> None:
    robots = robots_of(b"User-agent: *\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\nAllow: /b")
    assert not robots.allows("/a")
    assert robots.allows("/b")


def test_nobody_makes_us_wait_for_ever() -> None:
    assert robots_of(b"User-agent: *\nCrawl-delay: 86400").pause_s == LONGEST_PAUSE_S
    assert robots_of(b"User-agent: *\nCrawl-delay: soon").pause_s == 0


def test_a_pattern_of_many_stars_costs_no_time() -> None:
    robots = robots_of(b"User-agent: *\nDisallow: /" + b"*a" * 200 + b"$")
    started = time.monotonic()
    assert robots.allows("/" + "a" * 1_900 + "b")
    assert time.monotonic() - started < 1
