"""Finds what is a person's, from what is known of them. New places to look in belong here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agents.privacy.subject import Subject
from foundation.ids import TenantId
from foundation.tenancy import TenantSession


@dataclass(frozen=True, slots=True)
class Found:
    """What is all theirs, to be handed out or erased as a whole."""

    conversations: frozenset[UUID] = frozenset()
    visitors: frozenset[UUID] = frozenset()

    def __or__(self, other: "Found") -> "Found":
        return Found(self.conversations | other.conversations, self.visitors | other.visitors)


async def find(session: TenantSession, tenant_id: TenantId, subject: Subject) -> Found:
    """Return the person's conversations, and the visitors that they are known as.

    Theirs are those named by id, of a named visitor, whose own fields name the person (metadata, keys), in
    which the customer wrote what names them (unless only such words are meant), and all others of the
    visitors so found.
    """
    found = Found(frozenset(subject.id_of("conversation")), frozenset(subject.id_of("visitor")))
    values = {
        "tenant": tenant_id,
        "pattern": subject.pattern,
        "external": subject.external_id,
        "said": subject.mentions == "conversation",
    }
    by_name: Sequence[Any] = (await session.execute(_NAMED, values)).all()
    found |= _of(by_name)
    while True:
        ids = {"conversations": list(found.conversations), "visitors": list(found.visitors)}
        more = found | _of((await session.execute(_LINKED, values | ids)).all())
        if more == found:
            there = await session.execute(_THERE, {"tenant": tenant_id, "ids": list(found.conversations)})
            return Found(frozenset(there.scalars()), found.visitors)
        found = more


def _of(rows: Sequence[Any]) -> Found:
    visitors = (row.visitor_id for row in rows if row.visitor_id is not None)
    return Found(frozenset(row.id for row in rows), frozenset(visitors))


_NAMED = text(
    "select c.id, c.visitor_id from conversations c where c.tenant_id = :tenant and ("
    " jsonb_path_exists(c.metadata, '$.** ? (@ == $id)', jsonb_build_object('id', cast(:external as text)))"
    " or (to_jsonb(c) - array['id', 'tenant_id', 'visitor_id', 'created_at'])::text ~* :pattern)"
    " union select c.id, c.visitor_id from messages m"
    " join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id"
    " where m.tenant_id = :tenant and :said and m.author = 'customer' and m.parts::text ~* :pattern"
)
_LINKED = text(
    "select id, visitor_id from conversations"
    " where tenant_id = :tenant and (id = any(:conversations) or visitor_id = any(:visitors))"
)
_THERE = text("select id from conversations where tenant_id = :tenant and id = any(:ids)")
