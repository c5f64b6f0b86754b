"""The inbox at 10,000 and at 1,000,000 conversations, and how soon 200 of staff hear of an event.

Two embedded PostgreSQLs, each with one tenant filled by `tests.bench.inbox_filled`, are asked in turns, in
random order, for pages of the inbox as the route reads them: without and with each filter, sorted each way,
the first page and far down. `ratio` is the large one's p95 over the small one's (aim: at most 1.5). Searches
are measured the same way and told apart.

Then the real front door on a real socket: 200 listeners follow `GET /api/admin/events`, a customer writes,
and `fanout_p95_ms` is the p95, over listeners and messages, from the request to the event's arrival
(aim: at most 500). Server and listeners share one process. `SMALL`, `CONVERSATIONS`, `PAGES`, `LISTENERS`,
`MESSAGES` change the size.
"""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from agents.inbox.lists import Filter, Lists, Sort
from foundation.database.engine import connect
from foundation.ids import TenantId, new_uuid, show
from foundation.log import configure_logging
from foundation.tenancy import Tenancy
from tests.bench.embedded import Embedded, embedded
from tests.bench.inbox_filled import PEOPLE, fill_inbox
from tests.support.gateway import FrontDoor, add_key, front_door
from tests.support.tenants import make_tenant

_WARM_UP = 40
_LISTS: tuple[tuple[Filter, Sort], ...] = (
    (Filter(), "newest"),
    (Filter(), "oldest"),
    (Filter(), "case"),
    (Filter(status="escalated"), "newest"),
    (Filter(status="active"), "newest"),
    (Filter(status="snoozed"), "oldest"),
    (Filter(channel="email"), "newest"),
    (Filter(language="en"), "newest"),
    (Filter(assignee="none"), "newest"),
    (Filter(assignee=PEOPLE[0]), "newest"),
    (Filter(assignee=PEOPLE[2], status="active"), "newest"),
    (Filter(label="retur"), "newest"),
    (Filter(label="ovanlig"), "newest"),
)
_SEARCHES = ("order 4711", "ord50", "#4711", "kund4710@example.com")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is stored and asked."""

    small: int = 10_000
    large: int = 1_000_000
    pages: int = 1_500
    """Of each store."""
    searches: int = 200
    listeners: int = 200
    messages: int = 30


@dataclass(frozen=True, slots=True)
class Store:
    """A filled inbox."""

    lists: Lists
    tenant_id: TenantId
    cursors: dict[Sort, str | None]
    """Far down in the whole list, by how it is sorted."""

    async def page(self, wanted: Filter, sort: Sort, *, deep: bool = False) -> float:
        """Ask for a page; return milliseconds."""
        begun = time.perf_counter()
        cursor = self.cursors[sort] if deep else None
        page = await self.lists.page(self.tenant_id, wanted, sort=sort, cursor=cursor, limit=25)
        taken = (time.perf_counter() - begun) * 1000
        assert page.conversations, (wanted, sort)
        return taken


def measure() -> list[dict[str, Any]]:
    """Run both parts at the size that the environment says."""
    default = Plan()
    plan = Plan(
        small=int(os.environ.get("SMALL") or default.small),
        large=int(os.environ.get("CONVERSATIONS") or default.large),
        pages=int(os.environ.get("PAGES") or default.pages),
        listeners=int(os.environ.get("LISTENERS") or default.listeners),
        messages=int(os.environ.get("MESSAGES") or default.messages),
    )
    configure_logging("WARNING")
    return [asyncio.run(run(plan))]


async def run(plan: Plan) -> dict[str, Any]:
    """Measure both parts; return one result."""
    async with embedded() as small, embedded() as large:
        stores = [await _filled(small, plan.small), await _filled(large, plan.large)]
        pages: tuple[list[float], list[float]] = ([], [])
        searches: tuple[list[float], list[float]] = ([], [])
        for number in range(-_WARM_UP, plan.pages):
            wanted, sort = _LISTS[number % len(_LISTS)]
            deep = wanted == Filter() and random.random() < 0.5
            for which in random.sample((0, 1), 2):
                took = await stores[which].page(wanted, sort, deep=deep)
                if number >= 0:
                    pages[which].append(took)
        for number in range(plan.searches):
            for which in random.sample((0, 1), 2):
                said = Filter(search=_SEARCHES[number % len(_SEARCHES)])
                searches[which].append(await stores[which].page(said, "newest"))
        for store in stores:
            await store.lists.tenancy.close()
        async with front_door(small.settings) as door:
            fanout = await _fanout(door, plan)
    return {
        "name": "admin",
        "baseline": f"the same with {plan.small:,} conversations",
        "conversations": plan.large,
        "ratio": round(_p95(pages[1]) / _p95(pages[0]), 2),
        "p95_small_ms": round(_p95(pages[0]), 2),
        "p95_large_ms": round(_p95(pages[1]), 2),
        "p50_small_ms": round(median(pages[0]), 2),
        "p50_large_ms": round(median(pages[1]), 2),
        "search_ratio": round(_p95(searches[1]) / _p95(searches[0]), 2),
        "search_p95_large_ms": round(_p95(searches[1]), 2),
        "listeners": plan.listeners,
        "fanout_p50_ms": round(median(fanout), 1),
        "fanout_p95_ms": round(_p95(fanout), 1),
    }


async def _filled(where: Embedded, conversations: int) -> Store:
    tenancy = Tenancy(connect(where.settings.require("database_url")))
    tenant_id = await make_tenant(tenancy)
    await asyncio.to_thread(fill_inbox, where.superuser_url, tenant_id, conversations)
    lists = Lists(tenancy)
    cursors: dict[Sort, str | None] = {}
    for sort in ("newest", "oldest", "case"):
        cursor: str | None = None
        for _ in range(20):
            page = await lists.page(tenant_id, Filter(), sort=sort, cursor=cursor, limit=100)
            cursor = page.next or cursor
        cursors[sort] = cursor
    return Store(lists, tenant_id, cursors)


async def _fanout(door: FrontDoor, plan: Plan) -> list[float]:
    """Return milliseconds from a customer's request until each listener had its event."""
    tenancy = door.services.tenancy
    tenant_id = await make_tenant(tenancy)
    key = await add_key(tenancy, tenant_id, "server")
    address = await door.room.open(tenant_id)
    await door.services.mailbox.control(address, mode="human", said="", actor="bench")
    listeners = [await Listener.come(door.url, key) for _ in range(plan.listeners)]
    times: list[float] = []
    for number in range(plan.messages):
        words = f"nyhet-{number}-{new_uuid().hex}"
        begun = time.perf_counter()
        arrivals = [asyncio.create_task(each.until(words)) for each in listeners]
        said = {"conversation_id": show("conversation", address.conversation_id), "message": words}
        answer = await door.client.post(
            "/api/chat/message", json=said, headers={"Authorization": f"Bearer {key}"}
        )
        answer.raise_for_status()
        async with asyncio.timeout(30):
            times += [(at - begun) * 1000 for at in await asyncio.gather(*arrivals)]
    for each in listeners:
        each.leave()
    return times


@dataclass(slots=True)
class Listener:
    """One of staff, on a socket of their own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytes = b""

    @classmethod
    async def come(cls, url: str, key: str) -> "Listener":
        """Open the stream; return when it is ready."""
        host, port = urlsplit(url).hostname, urlsplit(url).port
        reader, writer = await asyncio.open_connection(host, port)
        request = f"GET /api/admin/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        writer.write(request.encode())
        listener = cls(reader, writer)
        async with asyncio.timeout(30):
            await listener.until("event: ready")
        return listener

    async def until(self, words: str) -> float:
        """Read until these words come; return when that was."""
        while words.encode() not in self.seen:
            piece = await self.reader.read(65_536)
            assert piece, "the stream ended"
            self.seen = (self.seen + piece)[-20_000:]
        return time.perf_counter()

    def leave(self) -> None:
        self.writer.close()


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]
