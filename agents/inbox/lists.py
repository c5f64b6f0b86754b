"""The inbox's lists: filtered, searched and paged by keyset, each page one index scan at any size."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from agents.inbox.views import COLUMNS, JOINED, ConversationView, Status, view_of
from foundation import cursors
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Value

Sort = Literal["newest", "oldest", "case"]
"""By last activity, or by case number with the highest first."""

FOUND: Final = 500
"""Conversations that a search looks at, those with the newest matches."""
COUNTED: Final = 1_000
"""Conversations of a status are counted up to this."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows; a None lets everything through."""

    status: Status | None = None
    channel: str | None = None
    inbox_id: UUID | None = None
    assignee: UUID | Literal["none"] | None = None
    label: str | None = None
    language: str | None = None
    customer_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Both of the last activity; `until` is excluded."""
    search: str | None = None


class Page(Value):
    conversations: tuple[ConversationView, ...]
    next: str | None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Count(Value):
    """How many conversations have a status: exact, or `at_least` so many."""

    status: Status
    count: int
    at_least: bool


@dataclass(frozen=True, slots=True)
class Lists:
    tenancy: Tenancy

    async def page(
        self, tenant_id: TenantId, wanted: Filter, *, sort: Sort = "newest", cursor: str | None, limit: int
    ) -> Page:
        """Return a page of the inbox.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        conditions, values = _conditions(wanted)
        if cursor is not None:
            after, place = _after(sort, cursor)
            conditions.append(after)
            values |= place
        statement = _PAGE.format(
            columns=COLUMNS,
            joined=JOINED,
            found=_FOUND if wanted.search else "",
            conditions=" and ".join(conditions),
            order=_ORDER[sort],
        )
        rows = (
            await self.tenancy.trip(
                tenant_id, statement, values=values | {"tenant": tenant_id, "limit": limit + 1}
            )
        ).rows
        more = len(rows) > limit
        return Page(
            conversations=tuple(map(view_of, rows[:limit])),
            next=_place(sort, rows[limit - 1]) if more else None,
        )

    async def counts(self, tenant_id: TenantId) -> list[Count]:
        """Return how many conversations have each status, up to `COUNTED` of each."""
        values = {"tenant": tenant_id, "statuses": list(get_args(Status)), "most": COUNTED + 1}
        rows = (await self.tenancy.trip(tenant_id, _COUNTS, values=values)).rows
        return [
            Count(status=row.status, count=min(row.seen, COUNTED), at_least=row.seen > COUNTED)
            for row in rows
        ]


def _conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    values: dict[str, Any] = {
        "status": wanted.status,
        "channel": wanted.channel,
        "inbox": wanted.inbox_id,
        "assignee": None if wanted.assignee == "none" else wanted.assignee,
        "label": wanted.label,
        "language": wanted.language,
        "customer": wanted.customer_id,
        "since": wanted.since,
        "until": wanted.until,
        "search": wanted.search,
    }
    conditions = ["c.tenant_id = %(tenant)s"]
    conditions += [_CONDITIONS[name] for name, value in values.items() if value is not None]
    if wanted.assignee == "none":
        conditions.append("c.assignee_id is null")
    return conditions, values


def _after(sort: Sort, cursor: str) -> tuple[str, dict[str, Any]]:
    if sort == "case":
        [number] = cursors.read(cursor, (int,))
        return "c.case_number < %(after_case)s", {"after_case": number}
    at, last = cursors.read(cursor, (datetime, UUID))
    sign = "<" if sort == "newest" else ">"
    place = {"after_at": at, "after_id": last}
    return f"(c.last_message_at, c.id) {sign} (%(after_at)s, %(after_id)s)", place


def _place(sort: Sort, row: Any) -> str:
    if sort == "case":
        return cursors.written(row.case_number)
    return cursors.written(row.last_message_at, row.id)


_CONDITIONS: Final = {
    "status": "c.status = %(status)s",
    "channel": "c.channel = %(channel)s",
    "inbox": "c.inbox_id = %(inbox)s",
    "assignee": "c.assignee_id = %(assignee)s",
    "label": (
        "exists (select 1 from conversation_labels l where l.tenant_id = %(tenant)s"
        " and l.label = %(label)s and l.conversation_id = c.id)"
    ),
    "language": "c.language = %(language)s",
    "customer": "c.customer_id = %(customer)s",
    "since": "c.last_message_at >= %(since)s",
    "until": "c.last_message_at < %(until)s",
    "search": "true",
}
_ORDER: Final[dict[Sort, str]] = {
    "newest": "c.last_message_at desc, c.id desc",
    "oldest": "c.last_message_at, c.id",
    "case": "c.case_number desc",
}
_FOUND: Final = f"join search_conversations(%(search)s, {FOUND}) s on s.conversation_id = c.id"
# The page first, and only then what is shown of it beside.
_PAGE: Final = """
select {columns} from (
    select c.* from conversations c {found}
    where {conditions} order by {order} limit %(limit)s
) c {joined}
order by {order}
"""
_COUNTS: Final = """
select s.status, (
    select count(*) from (
        select 1 from conversations c where c.tenant_id = %(tenant)s and c.status = s.status
        limit %(most)s
    ) seen
) as seen
from unnest(%(statuses)s::text[]) as s(status)
"""
