"""Answers and the passages they cited: which stand on a version, and which on what has changed since."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from foundation.database.models import SourceVersion
from foundation.errors import NotFound
from foundation.ids import SourceId, TenantId
from foundation.tenancy import Tenancy

_COLUMNS = """
    c.conversation_id, c.position, c.created_at, c.source_id, c.version, c.passage_id,
    m.parts -> 0 ->> 'text' as answer,
    (select q ->> 'quote' from jsonb_array_elements(m.parts -> 0 -> 'citations') as q
      where (q ->> 'passage_id')::uuid = c.passage_id limit 1) as quote
"""
_OF_VERSION = f"""
    select {_COLUMNS}, p.heading, true as there, null as instead
    from citations c
    join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.conversation_id
      and m.position = c.position
    left join passages p on p.tenant_id = c.tenant_id and p.id = c.passage_id
    where c.source_id = :source and c.version = :version
    order by c.created_at desc, c.conversation_id, c.position, c.passage_id
    limit :at_most
"""  # noqa: S608 - two constants
# Changed: nothing live in that source has the cited passage's content. Moved or renumbered passages have.
_CHANGED = f"""
    select {_COLUMNS}, p.heading, s.id is not null as there,
           (select n.text from passages n
             where n.tenant_id = c.tenant_id and n.source_id = c.source_id and n.live
               and n.heading = p.heading
             order by abs(n.ordinal - p.ordinal) limit 1) as instead
    from citations c
    join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.conversation_id
      and m.position = c.position
    left join sources s on s.tenant_id = c.tenant_id and s.id = c.source_id
    left join passages p on p.tenant_id = c.tenant_id and p.id = c.passage_id
    where c.created_at > clock_timestamp() - make_interval(days => :days)
      and (cast(:before as timestamptz) is null or c.created_at < :before)
      and not exists (
          select 1 from passages l
          where l.tenant_id = c.tenant_id and l.source_id = c.source_id and l.live
            and l.content_hash = p.content_hash
      )
    order by c.created_at desc, c.conversation_id, c.position, c.passage_id
    limit :at_most
"""  # noqa: S608 - two constants


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer that cited a passage."""

    conversation_id: UUID
    position: int
    at: datetime
    answer: str
    source_id: UUID
    version: int | None
    heading: str | None
    quote: str | None
    source_there: bool
    """False when the source has been deleted since."""
    instead: str | None
    """What stands under the same heading now, where something does."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Looks up answers by what they cited."""

    tenancy: Tenancy

    async def of_version(
        self, tenant_id: TenantId, source_id: SourceId, number: int, *, limit: int = 100
    ) -> list[Cited]:
        """Return the answers that cited a version, newest first.

        Raises:
            NotFound: there is no such version.
        """
        async with self.tenancy.session(tenant_id) as session:
            if await session.get(SourceVersion, (tenant_id, source_id, number)) is None:
                raise NotFound(kind="version")
        values = {"source": source_id, "version": number, "at_most": limit}
        return await self._found(tenant_id, _OF_VERSION, values)

    async def changed_since(
        self, tenant_id: TenantId, *, days: int = 30, before: datetime | None = None, limit: int = 100
    ) -> list[Cited]:
        """Return answers of the last days that cited a passage which is not live any more, newest first.

        `before` is the time of the last one seen, to go on after it.
        """
        return await self._found(tenant_id, _CHANGED, {"days": days, "before": before, "at_most": limit})

    async def _found(self, tenant_id: TenantId, query: str, values: dict[str, object]) -> list[Cited]:
        async with self.tenancy.session(tenant_id) as session:
            found = await session.execute(text(query), values)
            return [
                Cited(
                    conversation_id=row.conversation_id,
                    position=row.position,
                    at=row.created_at,
                    answer=row.answer,
                    source_id=row.source_id,
                    version=row.version,
                    heading=row.heading,
                    quote=row.quote,
                    source_there=row.there,
                    instead=row.instead,
                )
                for row in found
            ]
