"""Finds what is a person's, from what is known of them. New places to look in belong here."""

from collections.abc import Iterable, Sequence
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
    customers: frozenset[UUID] = frozenset()

    def __or__(self, other: "Found") -> "Found":
        return Found(
            self.conversations | other.conversations,
            self.visitors | other.visitors,
            self.customers | other.customers,
        )

    @property
    def people(self) -> frozenset[UUID]:
        """The ids that stand for the person."""
        return self.visitors | self.customers

    @property
    def ids(self) -> frozenset[UUID]:
        """All ids: under any of them the audit log may keep what is personal."""
        return self.people | self.conversations


async def find(session: TenantSession, tenant_id: TenantId, subject: Subject) -> Found:
    """Return the person's conversations, and the visitors and customers that they are known as.

    Theirs are those named by id; customers whose profile, and conversations whose own fields (metadata,
    keys), name the person; those in which the customer wrote what names them (unless only such words are
    meant); and all others of the visitors, customers and external ids so found. What staff and the agent
    wrote leads nowhere: previews and labels are not the person's own fields.
    """
    found = Found(subject.id_of("conversation"), subject.id_of("visitor"), subject.id_of("customer"))
    values = {
        "tenant": tenant_id,
        "pattern": subject.pattern,
        "external": subject.external_id,
        "said": subject.mentions == "conversation",
    }
    found |= _of((await session.execute(_NAMED, values)).all())
    found |= _who((await session.execute(_PROFILES, values)).scalars())
    while True:
        ids = {
            "tenant": tenant_id,
            "conversations": list(found.conversations),
            "visitors": list(found.visitors),
            "customers": list(found.customers),
        }
        more = found | _of((await session.execute(_LINKED, ids)).all())
        more |= _who((await session.execute(_KNOWN_AS, ids)).scalars())
        if more == found:
            there = await session.execute(_THERE, ids)
            return Found(frozenset(there.scalars()), found.visitors, found.customers)
        found = more


def _of(rows: Sequence[Any]) -> Found:
    return Found(
        frozenset(row.id for row in rows),
        frozenset(row.visitor_id for row in rows if row.visitor_id is not None),
        frozenset(row.customer_id for row in rows if row.customer_id is not None),
    )


def _who(customers: Iterable[UUID]) -> Found:
    return Found(customers=frozenset(customers))


# Without an id nothing may be found: a null in somebody's metadata is equal to no id.
_EXTERNAL = (
    "cast(:external as text) is not null and jsonb_path_exists("
    "metadata, '$.** ? (@ == $id)', jsonb_build_object('id', cast(:external as text)))"
)
_NAMED = text(
    "select c.id, c.visitor_id, c.customer_id from conversations c where c.tenant_id = :tenant and ("  # noqa: S608
    + _EXTERNAL
    + " or c.external_id = :external"
    " or concat_ws(' ', c.idempotency_key, c.external_id, c.metadata) ~* :pattern)"
    " union select c.id, c.visitor_id, c.customer_id from messages m"
    " join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id"
    " where m.tenant_id = :tenant and :said and m.author = 'customer' and m.parts::text ~* :pattern"
)
_PROFILES = text(
    "select k.id from customers k where k.tenant_id = :tenant and ("  # noqa: S608 - own names
    + _EXTERNAL
    + " or k.external_id = :external"
    " or concat_ws(' ', k.name, k.email, k.phone, k.external_id, k.metadata) ~* :pattern)"
)
_LINKED = text(
    "select id, visitor_id, customer_id from conversations where tenant_id = :tenant and ("
    " id = any(:conversations) or visitor_id = any(:visitors) or customer_id = any(:customers)"
    " or external_id in (select external_id from customers"
    "     where tenant_id = :tenant and id = any(:customers)))"
)
# A visitor's own profile has the visitor's id, even where staff gave the conversation to another customer.
_KNOWN_AS = text(
    "select id from customers where tenant_id = :tenant and (id = any(:visitors)"
    " or external_id in (select external_id from conversations"
    "     where tenant_id = :tenant and id = any(:conversations)))"
)
_THERE = text("select id from conversations where tenant_id = :tenant and id = any(:conversations)")
