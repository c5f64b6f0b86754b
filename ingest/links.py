"""What a web page says to those who walk a site: its links, its proper address, what it wants left alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from lxml import etree

from ingest.extract.detect import decode

MAX_LINKS = 5_000
"""Links taken from one page."""


@dataclass(slots=True)
class Page:
    """Addresses are absolute and without fragment; `canonical` is None when the page names none."""

    links: list[str] = field(default_factory=list)
    canonical: str | None = None
    index: bool = True
    """Whether the page may be read into a knowledge base."""


def page_of(url: str, content: bytes) -> Page:
    """Return what the HTML page at `url` says. Broken HTML says what can be made out of it."""
    target = _Reader(url)
    # Events instead of a tree: memory stays flat however deep a page is nested.
    parser = etree.HTMLParser(target=target, encoding="utf-8", recover=True)
    try:
        parser.feed(decode(content).encode("utf-8", errors="replace"))
        parser.close()
    except etree.ParserError:
        pass  # nothing that could be a page
    except etree.XMLSyntaxError:
        pass  # what was read before the parser gave up stays
    return target.page


def address(base: str, reference: str) -> str | None:
    """Return the address that `reference` means on a page at `base`; None when it leads to no page."""
    try:
        joined = httpx.URL(base).join(reference.strip()).copy_with(fragment=None)
        joined = joined.copy_with(raw_path=joined.raw_path)  # a bare host and its root are one page
    except (httpx.InvalidURL, ValueError):
        return None
    usable = joined.scheme in {"http", "https"} and joined.host and not joined.userinfo
    return str(joined) if usable and len(str(joined)) <= 2_000 else None


class _Reader:
    """Hears the tags as they come."""

    def __init__(self, url: str) -> None:
        self.page = Page()
        self._base = url
        self._based, self._follow = False, True

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        named = {name.lower(): value or "" for name, value in attributes.items()}
        rel = named.get("rel", "").lower().split()
        if tag == "base" and not self._based and "href" in named:
            self._based = True
            self._base = address(self._base, named["href"]) or self._base
        elif tag == "meta" and named.get("name", "").lower() in {"robots", "replik-knowledge"}:
            self._obey(named.get("content", ""))
        elif tag == "link" and "canonical" in rel and self.page.canonical is None:
            self.page.canonical = address(self._base, named.get("href", "")) if named.get("href") else None
        elif tag in {"a", "area"} and "href" in named and "nofollow" not in rel:
            self._link(named["href"])

    def close(self) -> None:
        return None

    def _link(self, reference: str) -> None:
        found = address(self._base, reference) if self._follow and len(self.page.links) < MAX_LINKS else None
        if found is not None:
            self.page.links.append(found)

    def _obey(self, content: str) -> None:
        words = {word.strip().lower() for word in content.split(",")}
        if words & {"noindex", "none"}:
            self.page.index = False
        if words & {"nofollow", "none"}:
            self._follow = False
            self.page.links.clear()
