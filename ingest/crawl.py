"""Walk a site: which of its pages are to be read, found breadth first or from its sitemap.

Only pages of one origin, only those that robots.txt, the page itself and the patterns allow, each asked for
once and one after the other. All of it goes through the fetcher that refuses addresses inside.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

import httpx

from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.extract.detect import HTML, MARKDOWN, PDF, TEXT, media_type_of
from ingest.fetch import NONE, Fetched, Validators, parse
from ingest.links import Page, address, page_of
from ingest.robots import Robots, robots_of
from ingest.sitemap import Sitemap, sitemap_of

Fetch = Callable[[str, Validators], Awaitable[Fetched]]
Pause = Callable[[float], Awaitable[None]]

_READABLE: Final = {HTML, PDF, TEXT, MARKDOWN}
_MAX_LISTS: Final = 100
"""Sitemaps read in one go."""
_MAX_QUEUE: Final = 100_000
_UNREAD: Final = {Reason.TOO_LARGE, Reason.EMPTY, Reason.DAMAGED, Reason.PASSWORD}
"""Reasons of pages that are there all the same."""
_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True)
class Plan:
    """What to walk. Patterns are of paths, `*` being anything: `/help/*`. The start is always followed."""

    start: str
    depth: int = 2
    """Links from the start to the farthest page."""
    page_limit: int = 200
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants(self, url: str) -> bool:
        """Return whether a page's path is included, or nothing is said about it, and it is not excluded."""
        path = httpx.URL(url).path
        included = not self.include or any(fnmatchcase(path, pattern) for pattern in self.include)
        return included and not any(fnmatchcase(path, pattern) for pattern in self.exclude)


@dataclass(slots=True)
class Walk:
    """One walk and what it came to know."""

    plan: Plan
    fetch: Fetch
    pause: Pause = asyncio.sleep
    complete: bool = True
    """Whether a page that was not found is not there: nothing was cut short, and nothing failed to answer."""
    unread: set[str] = field(default_factory=set)
    """Pages that are there but could not be read this time."""
    _robots: Robots = field(default_factory=Robots)
    _origin: tuple[str, str, int | None] = ("", "", None)
    _asked: int = 0
    _yielded: set[str] = field(default_factory=set)

    async def site(self) -> AsyncIterator[str]:
        """Yield the addresses of the site's pages as they are found, the start first.

        Raises:
            ExtractionFailed: the start cannot be read, `robots` forbids it, or it is no page.
        """
        start = await self._enter(self.plan.start)
        first = await self._start(start)
        queue = deque([(first.url, 0)])
        known = {start, first.url}
        fetched: Fetched | None = first
        while queue:
            url, depth = queue.popleft()
            page, final = await self._look(url, fetched)
            fetched = None
            if page is None:
                continue
            known.add(final)
            canonical = self._canonical(page, final)
            if canonical is not None and canonical not in known:
                known.add(canonical)
                queue.append((canonical, depth))
            if canonical is None and page.index and self.plan.wants(final) and final not in self._yielded:
                if self._full():
                    return
                self._yielded.add(final)
                yield final
            if depth < self.plan.depth:
                for link in page.links:
                    if link not in known and self._may(link) and self.plan.wants(link):
                        known.add(link)
                        queue.append((link, depth + 1))
                        self.complete = self.complete and len(queue) < _MAX_QUEUE
                        if len(queue) >= _MAX_QUEUE:
                            break

    async def sitemap(self) -> AsyncIterator[str]:
        """Yield the addresses that a sitemap, and the sitemaps it names, list. The pages are not looked at.

        Raises:
            ExtractionFailed: the sitemap cannot be read, or is none.
        """
        start = await self._enter(self.plan.start)
        lists, known = deque([start]), {start}
        fetched, found = await self._list(lists.popleft())
        await self._settle(fetched.url)
        while True:
            for each in self._usable(fetched.url, found.lists):
                self.complete = self.complete and len(known) < _MAX_LISTS
                if each not in known and len(known) < _MAX_LISTS:
                    known.add(each)
                    lists.append(each)
            for each in self._usable(fetched.url, found.pages):
                if each in self._yielded or not self.plan.wants(each):
                    continue
                if self._full():
                    return
                self._yielded.add(each)
                yield each
            if not lists:
                return
            try:
                fetched, found = await self._list(lists.popleft())
            except ExtractionFailed:
                self.complete = False  # one list of many: the others still count
                found = Sitemap()

    async def _list(self, url: str) -> tuple[Fetched, Sitemap]:
        fetched = await self._get(url)
        return fetched, await asyncio.to_thread(sitemap_of, fetched.content or b"", at_most=_MAX_QUEUE)

    def _usable(self, base: str, references: list[str]) -> Iterator[str]:
        for reference in references:
            each = address(base, reference)
            if each is not None and self._may(each):
                yield each

    async def _enter(self, start: str) -> str:
        """Read robots.txt of where the walk begins; return the start's address as the walk spells it."""
        url = address(start, str(parse(start))) or start
        await self._settle(url)
        if not self._may(url):
            raise ExtractionFailed(reason=Reason.ROBOTS)
        return url

    async def _settle(self, url: str) -> None:
        """Stay on this address's origin, by its robots.txt, from now on."""
        if self._origin == _origin(url):
            return
        self._origin = _origin(url)
        try:
            fetched = await self._get(str(httpx.URL(url).copy_with(raw_path=b"/robots.txt")))
        except ExtractionFailed as failure:
            # A file that is not for us has no rules; a server that fails forbids all (RFC 9309, 2.3.1).
            if not _closed(failure):
                raise
            self._robots = Robots()
        else:
            self._robots = robots_of(fetched.content or b"")

    async def _start(self, start: str) -> Fetched:
        fetched = await self._get(start)
        await self._settle(fetched.url)  # a redirect may have led to www, or to https
        if not self._may(fetched.url):
            raise ExtractionFailed(reason=Reason.ROBOTS)
        return fetched

    async def _look(self, url: str, fetched: Fetched | None) -> tuple[Page | None, str]:
        """Return what stands at an address, and where that is; None when it is no page of ours to read."""
        if fetched is None and self._asked > 2 * self.plan.page_limit + 20:
            self.complete = False
            return None, url
        try:
            found = await self._get(url) if fetched is None else fetched
            content = found.content or b""
            media_type = await asyncio.to_thread(media_type_of, content)
        except ExtractionFailed as failure:
            reason = failure.data.get("reason")
            if reason in _UNREAD:
                self.unread.add(url)
            # What a page that fails for now leads to may be there still.
            self.complete = self.complete and (reason != Reason.UNREACHABLE or _closed(failure))
            return None, url
        final = address(found.url, "") or found.url
        if not self._may(final) or media_type not in _READABLE:
            return None, final
        page = await asyncio.to_thread(page_of, final, content) if media_type == HTML else Page()
        return page, final

    async def _get(self, url: str) -> Fetched:
        if self._asked and self._robots.pause_s:
            await self.pause(self._robots.pause_s)
        self._asked += 1
        return await self.fetch(url, NONE)

    def _canonical(self, page: Page, url: str) -> str | None:
        """Return the address under which the page is to be read, if it is another one of this site."""
        named = page.canonical
        usable = named is not None and named != url and self._may(named) and self.plan.wants(named)
        return named if usable else None

    def _full(self) -> bool:
        full = len(self._yielded) >= self.plan.page_limit
        self.complete = self.complete and not full
        return full

    def _may(self, url: str) -> bool:
        return self._ours(url) and self._robots.allows(httpx.URL(url).raw_path.decode("ascii"))

    def _ours(self, url: str) -> bool:
        return _origin(url) == self._origin


def _closed(failure: ExtractionFailed) -> bool:
    """Return whether the server says that there is nothing for us, now and later."""
    status = failure.data.get("status")
    refused = isinstance(status, int) and 400 <= status < 500 and status != _TOO_MANY_REQUESTS
    return refused or failure.data.get("reason") == Reason.GONE


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port
