"""A walk over a site: how far it goes, what it leaves alone, and that it never leads inside."""

import gzip
import ipaddress
from collections.abc import AsyncIterator

import pytest

from foundation.addresses import Address
from foundation.errors import ExtractionFailed
from ingest.crawl import Plan, Walk
from ingest.extract import Reason
from ingest.fetch import Fetcher
from tests.support.site import Site, answer, open_site, resolver

HERE = ipaddress.ip_address("127.0.0.1")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


class Pauses:
    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def page(*links: str, head: str = "") -> bytes:
    anchors = " ".join(f'<a href="{link}">läs mer</a>' for link in links)
    return answer(
        f"<!doctype html><html><head>{head}</head><body><p>Hej {anchors}</p></body></html>".encode()
    )


def walk_of(site: Site, start: str = "/", fetch: Fetcher | None = None, **plan: object) -> Walk:
    known = resolver(shop_example="127.0.0.1", www_example="127.0.0.1", other_example="127.0.0.1")
    fetcher = fetch or Fetcher(allow_private=True, resolve=known)
    return Walk(Plan(f"http://shop.example:{site.port}{start}", **plan), fetcher, Pauses())  # type: ignore[arg-type]


async def paths(walk: Walk, kind: str = "site") -> list[str]:
    found = [url async for url in (walk.site() if kind == "site" else walk.sitemap())]
    return [url.partition("example:")[2].partition("/")[2] for url in found]


async def reason(walk: Walk, kind: str = "site") -> str:
    with pytest.raises(ExtractionFailed) as caught:
        await paths(walk, kind)
    return str(caught.value.data["reason"])


def asked(site: Site) -> list[str]:
    return [path for path, _ in site.requests]


async def test_nearest_pages_come_first_and_each_is_asked_for_once(site: Site) -> None:
    site.pages |= {
        "/": page("/a", "/b", "/a#part", "/"),
        "/a": page("/a/deep", "/b"),
        "/b": page("/"),
        "/a/deep": page("/a/deep/deeper"),
        "/a/deep/deeper": page(),
    }
    walk = walk_of(site, depth=2)
    assert await paths(walk) == ["", "a", "b", "a/deep"]
    assert asked(site) == ["/robots.txt", "/", "/a", "/b", "/a/deep"]
    assert walk.complete
    assert await paths(walk_of(site, depth=0)) == [""]


async def test_it_stays_on_the_site(site: Site) -> None:
    site.pages |= {
        "/": page(f"http://other.example:{site.port}/x", "https://shop.example/y", "/out", "/in"),
        "/out": answer(b"", f"Location: http://other.example:{site.port}/z", status="302 Found"),
        "/z": page("/from-z"),
        "/in": page(),
    }
    assert await paths(walk_of(site)) == ["", "in"]
    assert "/from-z" not in asked(site)


async def test_where_the_start_leads_to_is_the_site_with_rules_of_its_own(site: Site) -> None:
    away = f"http://www.example:{site.port}"
    site.pages |= {
        "/": answer(b"", f"Location: {away}/start", status="301 Moved Permanently"),
        "/start": page("/a", f"http://shop.example:{site.port}/b"),
        "/a": page(),
    }
    walk = walk_of(site)
    assert [url async for url in walk.site()] == [f"{away}/start", f"{away}/a"]
    robots = [host for path, host in site.requests if path == "/robots.txt"]
    assert robots == [f"shop.example:{site.port}", f"www.example:{site.port}"]


async def test_robots_are_obeyed_and_waited_for_under_our_name(site: Site) -> None:
    site.pages |= {
        "/robots.txt": answer(b"User-agent: Replik-Knowledge\nDisallow: /secret\nCrawl-delay: 3"),
        "/": page("/secret/a", "/a"),
        "/a": answer(b"", "Location: /secret/b", status="302 Found"),
        "/secret/b": page(),
    }
    walk = walk_of(site)
    assert await paths(walk) == [""]
    assert "/secret/a" not in asked(site)
    assert isinstance(walk.pause, Pauses)
    assert walk.pause.taken == [3, 3]
    assert {headers["user-agent"] for headers in site.asked} == {"Replik-Knowledge/1.0"}
    assert await reason(walk_of(site, "/secret/a")) == Reason.ROBOTS


@pytest.mark.parametrize(
    ("status", "walked"),
    [("404 Not Found", True), ("403 Forbidden", True), ("429 Slow", False), ("503 Busy", False)],
)
async def test_rules_that_cannot_be_had(site: Site, status: str, walked: bool) -> None:
    site.pages |= {"/robots.txt": answer(b"", status=status), "/": page()}
    if walked:
        assert await paths(walk_of(site)) == [""]
    else:
        assert await reason(walk_of(site)) == Reason.UNREACHABLE
        assert asked(site) == ["/robots.txt"]


async def test_patterns_include_and_exclude(site: Site) -> None:
    site.pages |= {
        "/": page("/help/a", "/help/old/b", "/shop/c", "/help/%C3%A5"),
        "/help/a": page("/help/d", "/shop/c"),
        "/help/d": page(),
        "/help/%C3%A5": page(),
    }
    walk = walk_of(site, include=("/help/*",), exclude=("/help/old/*",))
    assert await paths(walk) == ["help/a", "help/%C3%A5", "help/d"]
    assert not {"/help/old/b", "/shop/c"} & set(asked(site))
    assert await paths(walk_of(site, exclude=("*/å", "/shop/*", "/help/a"))) == [""]


async def test_what_a_page_wants_left_alone(site: Site) -> None:
    site.pages |= {
        "/": page("/list", "/dead-end", "/copy?x=1"),
        "/list": page("/a", head='<meta name="robots" content="noindex">'),
        "/dead-end": page("/hidden", head='<meta name="robots" content="nofollow">'),
        "/copy?x=1": page(head='<link rel="canonical" href="/copy">'),
        "/copy": page(head='<link rel="canonical" href="/copy">'),
        "/a": page(),
        "/hidden": page(),
    }
    assert await paths(walk_of(site)) == ["", "dead-end", "a", "copy"]


async def test_only_what_can_be_read_counts_by_its_content(site: Site) -> None:
    site.pages |= {
        "/": page("/a.pdf", "/b.html", "/c", "/d", "/e"),
        "/a.pdf": answer(b"\x89PNG\r\n\x1a\n\x00\x00\x00", "Content-Type: application/pdf"),
        "/b.html": answer(b"%PDF-1.7 \n", "Content-Type: text/html"),
        "/c": answer(b"Bara text."),
        "/d": answer(b"PK\x03\x04 broken"),
        "/e": answer(b"namn;pris\nA;1\nB;2\nC;3\n", "Content-Type: text/csv"),
    }
    walk = walk_of(site)
    assert await paths(walk) == ["", "b.html", "c"]
    assert walk.complete
    assert walk.unread == {f"http://shop.example:{site.port}/d"}


async def test_the_limit_of_pages_holds_and_is_known(site: Site) -> None:
    site.pages |= {"/": page(*(f"/{n}" for n in range(9)))} | {f"/{n}": page() for n in range(9)}
    walk = walk_of(site, page_limit=4)
    assert len(await paths(walk)) == 4
    assert not walk.complete
    everything = walk_of(site, page_limit=10)
    assert len(await paths(everything)) == 10
    assert everything.complete


async def test_a_site_without_end_is_left_in_time(site: Site) -> None:
    site.pages |= {"/": page(*(f"/{n}" for n in range(500)))}
    noindex = page(head='<meta name="robots" content="noindex">')
    site.pages |= {f"/{n}": noindex for n in range(500)}
    walk = walk_of(site, page_limit=5)
    assert await paths(walk) == [""]
    assert not walk.complete
    assert len(site.requests) < 40


@pytest.mark.parametrize(
    ("status", "complete"), [("404 Not Found", True), ("403 Forbidden", True), ("500 Oops", False)]
)
async def test_a_page_that_fails_for_now_may_lead_on(site: Site, status: str, complete: bool) -> None:
    site.pages |= {"/": page("/a"), "/a": answer(b"", status=status)}
    walk = walk_of(site)
    assert await paths(walk) == [""]
    assert walk.complete is complete


def sitemap(kind: str, *urls: str) -> bytes:
    outer, inner = ("sitemapindex", "sitemap") if kind == "index" else ("urlset", "url")
    entries = "".join(f"<{inner}><loc>{url}</loc></{inner}>" for url in urls)
    return f'<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'.encode()


async def test_a_sitemap_and_the_lists_it_names(site: Site) -> None:
    at = f"http://shop.example:{site.port}"
    site.pages |= {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /no"),
        "/s.xml": answer(sitemap("index", f"{at}/1.xml.gz", f"{at}/2.xml", f"{at}/3.xml", f"{at}/s.xml")),
        "/1.xml.gz": answer(
            gzip.compress(sitemap("urls", f"{at}/a", f"{at}/no/b", "http://other.example/c"))
        ),
        "/2.xml": answer(sitemap("urls", f"{at}/a", f"{at}/d", f"{at}/old/e")),
        "/3.xml": answer(b"", status="500 Oops"),
    }
    walk = walk_of(site, "/s.xml", exclude=("/old/*",))
    assert await paths(walk, "sitemap") == ["a", "d"]
    assert not walk.complete  # the third list may have more
    assert asked(site) == ["/robots.txt", "/s.xml", "/1.xml.gz", "/2.xml", "/3.xml"]
    assert await paths(walk_of(site, "/s.xml", page_limit=1), "sitemap") == ["a"]
    site.pages["/page"] = page()
    assert await reason(walk_of(site, "/page"), "sitemap") == Reason.NO_SITEMAP


@pytest.mark.parametrize("kind", ["site", "sitemap"])
async def test_neither_kind_begins_inside(site: Site, kind: str) -> None:
    inside = Fetcher(resolve=resolver(shop_example="10.0.0.1"))
    assert await reason(walk_of(site, fetch=inside), kind) == Reason.ADDRESS_REFUSED
    assert site.requests == []


class Rebinding:
    """A name that is public for the first looks and private from then on."""

    def __init__(self, public: int) -> None:
        self.left = public

    async def __call__(self, _host: str, _port: int) -> list[Address]:
        self.left -= 1
        return [HERE if self.left >= 0 else ipaddress.ip_address("127.0.0.2")]


@pytest.mark.parametrize(
    ("kind", "public", "seen"),
    [
        ("site", 0, []),
        ("site", 1, ["/robots.txt"]),
        ("site", 2, ["/robots.txt", "/s"]),
        ("sitemap", 1, ["/robots.txt"]),
        ("sitemap", 2, ["/robots.txt", "/s"]),
    ],
)
async def test_a_name_that_turns_inside_on_the_way_is_refused_from_there(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str, public: int, seen: list[str]
) -> None:
    # The local server stands for a public one; everything else is judged as ever.
    monkeypatch.setattr("ingest.fetch.is_public", lambda address: address == HERE)
    at = f"http://shop.example:{site.port}"
    site.pages["/s"] = page("/secret") if kind == "site" else answer(sitemap("index", f"{at}/secret"))
    site.pages["/secret"] = page() if kind == "site" else answer(sitemap("urls", f"{at}/a"))
    walk = walk_of(site, "/s", fetch=Fetcher(resolve=Rebinding(public)))
    if public < 2:
        assert await reason(walk, kind) == Reason.ADDRESS_REFUSED
    else:
        assert await paths(walk, kind) == (["s"] if kind == "site" else [])
    assert asked(site) == seen


@pytest.mark.parametrize("path", ["/robots.txt", "/s", "/a"])
@pytest.mark.parametrize("kind", ["site", "sitemap"])
async def test_redirects_inside_are_refused_everywhere(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str, path: str
) -> None:
    monkeypatch.setattr("ingest.fetch.is_public", lambda address: address == HERE)
    at = f"http://shop.example:{site.port}"
    site.pages["/s"] = page("/a") if kind == "site" else answer(sitemap("index", f"{at}/a"))
    inside = "Location: http://inside.example/latest/meta-data/"
    site.pages[path] = answer(b"", inside, status="302 Found")
    names = resolver(shop_example="127.0.0.1", inside_example="169.254.169.254")
    walk = walk_of(site, "/s", fetch=Fetcher(resolve=names))
    if path == "/a":
        assert await paths(walk, kind) == (["s"] if kind == "site" else [])
    else:
        assert await reason(walk, kind) == Reason.ADDRESS_REFUSED
    assert not [host for _, host in site.requests if "inside" in host]
