"""Erases a person: rows first, one transaction a conversation, then Valkey, then files. May be repeated."""

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agents.privacy.stores import EXPORTS, Counts, Stores
from agents.privacy.subjects import Found
from agents.requests import Request
from agents.stream import Address
from foundation.clients.bus.port import Bus
from foundation.ids import ConversationId, TenantId
from foundation.personal import erase_key
from foundation.tenancy import TenantSession

ERASED: Final = "[raderat]"
"""What stands where others' words named the person."""

_CACHE: Final = "replik:cache:"


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases within one tenant, and counts in the job's row what each transaction took."""

    stores: Stores
    bus: Bus

    async def conversation(self, tenant_id: TenantId, job_id: UUID, conversation_id: UUID) -> None:
        """Erase a conversation with everything that hangs on it; one that is gone is no error.

        Its row in `activations` goes too, so a run that still goes on somewhere has lost the conversation and
        can write nothing back.
        """
        address = Address(tenant_id, ConversationId(conversation_id))
        async with self.stores.tenancy.session(tenant_id) as session:
            owner = (await session.execute(_OWNER, address.keys())).first()
            taken = await _counted(session, address)
            taken["approved_answers"] = len((await session.execute(_CORRECTIONS, address.keys())).all())
            await session.execute(_ERASE, address.keys())
            await count(session, tenant_id, job_id, taken)
        if owner is not None and owner.host_id is not None:
            await self.bus.post(Request("stop", address).post(owner.host_id))

    async def customers(self, tenant_id: TenantId, job_id: UUID, found: Found) -> None:
        """Delete what is known of the person, and the keys to what the audit log says of them."""
        async with self.stores.tenancy.session(tenant_id) as session:
            values = {"tenant": tenant_id, "customers": list(found.customers)}
            taken = {"customers": len((await session.execute(_CUSTOMERS, values)).all()), "audit keys": 0}
            for subject in sorted(found.ids):
                taken["audit keys"] += await erase_key(session, tenant_id, subject)
            await count(session, tenant_id, job_id, taken)

    async def words(self, tenant_id: TenantId, job_id: UUID, pattern: str) -> None:
        """Take the person's name out of what others said, and delete approved answers that hold it."""
        async with self.stores.tenancy.session(tenant_id) as session:
            values = {"tenant": tenant_id, "pattern": pattern, "erased": ERASED}
            taken = {
                "approved_answers": len((await session.execute(_APPROVED, values)).all()),
                "words in messages": len((await session.execute(_MESSAGES, values)).all()),
                "labels": len((await session.execute(_LABELS, values)).all()),
                "words in traces": len((await session.execute(_TRACES, values)).all()),
            }
            await count(session, tenant_id, job_id, taken)

    async def valkey(self, tenant_id: TenantId, job_id: UUID, found: Found, pattern: str | None) -> None:
        """Drop the conversations' replay buffers, what names the person, and the tenant's cached answers.

        Raises:
            DependencyUnavailable: Valkey is away.
        """
        keyspace = self.stores.keyspace
        keys = set(await self.stores.keys(tenant_id, found, pattern))
        keys |= {key for key in await keyspace.named(str(tenant_id)) if key.startswith(_CACHE.encode())}
        await keyspace.forget(keys)
        async with self.stores.tenancy.session(tenant_id) as session:
            await count(session, tenant_id, job_id, {"valkey": len(keys)})

    async def files(self, tenant_id: TenantId, job_id: UUID, found: Found, pattern: str | None) -> None:
        """Delete the person's files, and all exports that are still kept: any may hold the person."""
        files = self.stores.files
        keys = {key for key in await files.keys(tenant_id) if key.startswith(EXPORTS)}
        async for key, of_source in self.stores.files_of(tenant_id, found, pattern):
            if not of_source:
                keys.add(key)
        for key in sorted(keys):
            await files.delete(tenant_id, key)
        async with self.stores.tenancy.session(tenant_id) as session:
            await session.execute(_EXPORTS, {"tenant": tenant_id})
            await count(session, tenant_id, job_id, {"files": len(keys)})


async def count(session: TenantSession, tenant_id: TenantId, job_id: UUID, taken: Counts) -> None:
    """Add to the job's report what this transaction took."""
    told = {name: number for name, number in taken.items() if number}
    if told:
        values = {"tenant": tenant_id, "job": job_id, "taken": told}
        await session.execute(_COUNT, values)


async def _counted(session: TenantSession, address: Address) -> Counts:
    found: Any = (await session.execute(_HELD, address.keys())).scalar()
    return dict(json.loads(found) if isinstance(found, str) else found or {})


_OWNER = text(
    "select host_id from activations where tenant_id = :tenant and conversation_id = :conversation for update"
)
_OF = "where tenant_id = c.tenant_id and conversation_id = c.id"
_HELD = text(
    "select jsonb_build_object('conversations', 1, "  # noqa: S608 - own names
    + ", ".join(
        f"'{table}', (select count(*) from {table} {_OF})"  # noqa: S608
        for table in ("messages", "turns", "traces", "checkpoints", "actions", "ratings", "citations")
    )
    + ") from conversations c where c.tenant_id = :tenant and c.id = :conversation"
)
_CORRECTIONS = text(
    "delete from approved_answers where tenant_id = :tenant and corrects_conversation = :conversation"
    " returning id"
)
_ERASE = text("delete from conversations where tenant_id = :tenant and id = :conversation")
_APPROVED = text(
    "delete from approved_answers a where tenant_id = :tenant"
    " and concat_ws(' ', question, answer, array_to_string(variants, ' ')) ~* :pattern returning id"
)
_MESSAGES = text(
    "update messages set parts = regexp_replace(parts::text, :pattern, :erased, 'gi')::jsonb"
    " where tenant_id = :tenant and parts::text ~* :pattern returning 1"
)
_CUSTOMERS = text("delete from customers where tenant_id = :tenant and id = any(:customers) returning 1")
_LABELS = text(
    "update conversations set labels = array(select l from unnest(labels) l where l !~* :pattern)"
    " where tenant_id = :tenant and exists (select 1 from unnest(labels) l where l ~* :pattern) returning 1"
)
_TRACES = text(
    "update traces set trace = regexp_replace(trace::text, :pattern, :erased, 'gi')::jsonb"
    " where tenant_id = :tenant and trace::text ~* :pattern returning 1"
)
_EXPORTS = text(
    "update privacy_jobs set state = 'gone', subject = null, expires_at = null,"
    " updated_at = clock_timestamp()"
    " where tenant_id = :tenant and kind = 'export' and expires_at is not null"
)
_COUNT = text(
    "update privacy_jobs set updated_at = clock_timestamp(), report = jsonb_set(report, '{erased}',"
    " coalesce(report->'erased', '{}') || (select jsonb_object_agg(key,"
    " value::bigint + coalesce((report->'erased'->>key)::bigint, 0)) from jsonb_each_text(:taken)))"
    " where tenant_id = :tenant and id = :job"
).bindparams(bindparam("taken", type_=JSONB))
