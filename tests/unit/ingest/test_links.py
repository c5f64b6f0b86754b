"""What a page says to those who walk a site."""

import gzip

import pytest

from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.links import MAX_LINKS, address, page_of
from ingest.sitemap import MAX_BYTES, sitemap_of

AT = "https://a.example/help/index.html"


def links(html: str) -> list[str]:
    return page_of(AT, html.encode()).links


def test_links_are_absolute_and_those_that_lead_to_no_page_are_left_out() -> None:
    found = links(
        '<a href="returer#top">a</a> <a href="/x?q=1">b</a> <a href="//b.example">c</a>'
        '<A HREF=" ../y ">d</A>'
        '<a href="mailto:a@a.example">e</a> <a href="javascript:x()">f</a> <a href="http://me:pw@a.example/">g</a>'
        '<a href="/no" rel="noopener nofollow">h</a> <a>i</a> <a href="http://a:b/">j</a> <area href="/map">'
    )
    assert found == [
        "https://a.example/help/returer",
        "https://a.example/x?q=1",
        "https://b.example/",
        "https://a.example/y",
        "https://a.example/map",
    ]


def test_a_base_moves_what_follows() -> None:
    assert links('<head><base href="/other/"></head><a href="x">a</a>') == ["https://a.example/other/x"]


@pytest.mark.parametrize(
    ("content", "index", "followed"),
    [
        ("noindex", False, True),
        ("index, NOFOLLOW", True, False),
        ("none", False, False),
        ("max-snippet:-1", True, True),
    ],
)
def test_a_page_says_what_it_wants_left_alone(content: str, index: bool, followed: bool) -> None:
    page = page_of(
        AT, f'<a href="/a">a</a><meta name="Robots" content="{content}"><a href="/b">b</a>'.encode()
    )
    assert (page.index, bool(page.links)) == (index, followed)


def test_the_proper_address_of_a_page() -> None:
    assert page_of(AT, b'<link rel="canonical" href="/help/">').canonical == "https://a.example/help/"
    assert page_of(AT, b'<link rel="stylesheet" href="/a.css">').canonical is None


def test_hostile_pages_end_soon() -> None:
    assert page_of(AT, b"<div>" * 200_000).links == []
    assert len(links('<a href="/x">' * (MAX_LINKS + 10))) == MAX_LINKS
    assert address(AT, "x" * 3_000) is None


SITEMAP = b"""<?xml version="1.0"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="urn:image">
<url><loc> https://a.example/1 </loc><image:image><image:loc>https://a.example/p.png</image:loc></image:image></url>
<url><loc>https://a.example/2?a=1&amp;b=2</loc></url></urlset>"""


def test_a_sitemap_lists_pages_and_lists() -> None:
    found = sitemap_of(SITEMAP, at_most=10)
    assert (found.pages, found.lists) == (["https://a.example/1", "https://a.example/2?a=1&b=2"], [])
    assert sitemap_of(gzip.compress(SITEMAP), at_most=1).pages == ["https://a.example/1"]
    index = b"<sitemapindex><sitemap><loc>https://a.example/s.xml.gz</loc></sitemap></sitemapindex>"
    assert sitemap_of(index, at_most=10).lists == ["https://a.example/s.xml.gz"]


ENTITIES = b"""<!DOCTYPE urlset [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<urlset><url><loc>https://a.example/&a;</loc></url></urlset>"""
LAUGHS = b"<!DOCTYPE urlset [<!ENTITY a0 'ha'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
)


def test_a_sitemap_reads_no_file_and_does_not_swell() -> None:
    assert sitemap_of(ENTITIES, at_most=10).pages == ["https://a.example/"]
    with pytest.raises(ExtractionFailed) as caught:
        sitemap_of(LAUGHS + b"]><urlset><url><loc>&a11;</loc></url></urlset>", at_most=10)
    assert caught.value.data["reason"] == Reason.NO_SITEMAP


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><body>Hej</body></html>", Reason.NO_SITEMAP),
        (b"", Reason.NO_SITEMAP),
        (b"\x1f\x8b broken", Reason.NO_SITEMAP),
        (gzip.compress(b" " * (MAX_BYTES + 1)), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_sitemap_says_so(content: bytes, reason: Reason) -> None:
    with pytest.raises(ExtractionFailed) as caught:
        sitemap_of(content, at_most=10)
    assert caught.value.data["reason"] == reason
