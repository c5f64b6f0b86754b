"""Sitemaps (sitemaps.org): lists of a site's pages, and lists of such lists, plain or packed with gzip."""

import zlib
from dataclasses import dataclass, field

from lxml import etree

from foundation.errors import ExtractionFailed
from ingest.extract import Reason

MAX_BYTES = 50_000_000
"""The protocol's own limit for one list, unpacked."""
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Sitemap:
    """Addresses as the list gives them: those of pages, or those of further lists."""

    pages: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)


def sitemap_of(content: bytes, *, at_most: int) -> Sitemap:
    """Return the first `at_most` addresses of a sitemap.

    Raises:
        ExtractionFailed: `no_sitemap`, or `too_large` when it unpacks to more than the protocol allows.
    """
    plain = _unpacked(content)
    target = _Reader(at_most)
    # No entity is replaced and nothing is fetched: the list is somebody else's.
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        parser.feed(plain)
        parser.close()
    except etree.XMLSyntaxError:
        raise ExtractionFailed(reason=Reason.NO_SITEMAP) from None
    if not target.is_sitemap:
        raise ExtractionFailed(reason=Reason.NO_SITEMAP)
    return target.found


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, MAX_BYTES + 1)
    except zlib.error:
        raise ExtractionFailed(reason=Reason.NO_SITEMAP) from None
    if len(plain) > MAX_BYTES:
        raise ExtractionFailed(reason=Reason.TOO_LARGE)
    return plain


class _Reader:
    """Hears the elements as they come; the <loc> of <url> and <sitemap> counts, not that of images."""

    def __init__(self, at_most: int) -> None:
        self.found = Sitemap()
        self.is_sitemap = False
        self._at_most = at_most
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _attributes: object) -> None:
        name = etree.QName(tag).localname
        if not self._path:
            self.is_sitemap = name in {"urlset", "sitemapindex"}
        self._path.append(name)
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, _tag: str) -> None:
        target = {("url", "loc"): self.found.pages, ("sitemap", "loc"): self.found.lists}.get(
            (self._path[-2], self._path[-1]) if len(self._path) == 3 else ("", "")
        )
        url = "".join(self._text).strip()
        if target is not None and url and len(target) < self._at_most:
            target.append(url)
        self._text.clear()
        self._path.pop()

    def close(self) -> None:
        return None
