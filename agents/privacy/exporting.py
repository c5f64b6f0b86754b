"""Hands out what there is of a person: one ZIP file with `data.json` and their files."""

import io
import json
import zipfile
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from agents.actions import opened
from agents.privacy.case import Case
from agents.privacy.stores import EXPORTS, Stores
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.ids import ConversationId, TenantId, show

FORMAT: Final = 1


def key_of(job_id: UUID) -> str:
    """Return the key of an export's file."""
    return f"{EXPORTS}{job_id.hex}.zip"


async def export(
    stores: Stores, sealer: Sealer, tenant_id: TenantId, job_id: UUID, case: Case
) -> dict[str, int]:
    """Write the file; return how many of each thing are in it.

    Raises:
        DependencyUnavailable: a store is away.
    """
    pattern = case.subject.pattern
    data: dict[str, Any] = {"format": FORMAT, "customers": [], "conversations": []}
    async with stores.tenancy.session(tenant_id) as session:
        values = {
            "tenant": tenant_id,
            "pattern": pattern,
            "conversations": list(case.found.conversations),
            "customers": list(case.found.customers),
        }
        for profile in (await session.execute(_CUSTOMERS, values)).scalars():
            data["customers"].append(profile | {"id": show("customer", UUID(profile["id"]))})
        for conversation_id in sorted(case.found.conversations):
            address = Address(tenant_id, ConversationId(conversation_id))
            row = (await session.execute(_CONVERSATION, address.keys())).scalar()
            if row is None:
                continue
            actions = (await session.execute(_ACTIONS, address.keys())).mappings().all()
            row["id"] = show("conversation", conversation_id)
            row["actions"] = [opened(sealer, address, action) for action in actions]
            data["conversations"].append(row)
        data["approved_answers"] = list((await session.execute(_APPROVED, values)).scalars())
        data["mentioned_by_others"] = list((await session.execute(_MENTIONS, values)).scalars())
        named = (await session.execute(_SOURCES, values)).scalars()
        data["sources_that_name_the_person"] = [show("source", source_id) for source_id in named]
    packed = io.BytesIO()
    number = 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1))
        async for key, of_source in stores.files_of(tenant_id, case.found, pattern):
            if not of_source and not key.startswith(EXPORTS):
                archive.writestr(f"files/{key}", await stores.files.read(tenant_id, key))
                number += 1
    await stores.files.write(tenant_id, key_of(job_id), packed.getvalue())
    return {
        "customers": len(data["customers"]),
        "conversations": len(data["conversations"]),
        "messages": sum(len(each["messages"]) for each in data["conversations"]),
        "approved_answers": len(data["approved_answers"]),
        "mentioned_by_others": len(data["mentioned_by_others"]),
        "sources_that_name_the_person": len(data["sources_that_name_the_person"]),
        "files": number,
    }


_HIDDEN = "array['tenant_id', 'conversation_id', 'body_hash']"
_OF = "t.tenant_id = c.tenant_id and t.conversation_id = c.id"
_CONVERSATION = text(
    "select to_jsonb(c) - 'tenant_id' || jsonb_build_object("  # noqa: S608 - own names
    + ", ".join(
        f"'{table}', (select coalesce(jsonb_agg(to_jsonb(t) - {_HIDDEN} order by {order}), '[]')"  # noqa: S608
        f" from {table} t where {_OF})"
        for table, order in (
            ("messages", "t.position"),
            ("turns", "t.created_at"),
            ("traces", "t.created_at"),
            ("ratings", "t.position"),
            ("citations", "t.position"),
        )
    )
    + ", 'unfinished_procedure', exists (select 1 from checkpoints t where "
    + _OF
    + ")) from conversations c where c.tenant_id = :tenant and c.id = :conversation"
)
_CUSTOMERS = text(
    "select to_jsonb(k) - array['tenant_id', 'words'] from customers k"
    " where tenant_id = :tenant and id = any(:customers) order by created_at, id"
)
_ACTIONS = text(
    "select * from actions where tenant_id = :tenant and conversation_id = :conversation"
    " order by created_at, run_id, step, iteration"
)
_APPROVED = text(
    "select to_jsonb(a) - array['tenant_id', 'vectors', 'vector_model'] from approved_answers a"
    " where tenant_id = :tenant and (corrects_conversation = any(:conversations)"
    " or concat_ws(' ', question, answer, array_to_string(variants, ' ')) ~* :pattern)"
)
_MENTIONS = text(
    "select jsonb_build_object('conversation', conversation_id, 'position', position, 'at', created_at)"
    " from messages where tenant_id = :tenant and not conversation_id = any(:conversations)"
    " and parts::text ~* :pattern"
)
_SOURCES = text(
    "select id from sources where tenant_id = :tenant and concat_ws(' ', name, uri) ~* :pattern"
    " union select source_id from passages where tenant_id = :tenant and text ~* :pattern"
)
