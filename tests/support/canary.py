"""A person whose data is put into every store, and looked for there by other means than the code's own."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import text

from agents.actions import ActionKey, Actions
from agents.leases import Fence
from agents.privacy.jobs import PrivacyWorker
from agents.stream import Address
from foundation.crypto import Sealer
from foundation.ids import ConversationId, HostId, new_uuid, parse
from serve.upkeep import privacy_worker
from tests.support.desk import Staff

PRIVACY = "/api/admin/privacy"
EMAIL, PHONE, NAME, WORDS = "zixi.kanarin@kanarie.example", "+46701740605", "Zixi Kanarin", "zebrafinksburen"
SUBJECT = {"email": EMAIL, "phone": PHONE, "words": [NAME, WORDS]}
_PLANTED = (
    (
        "update conversations set metadata = jsonb_build_object('customer', 'K-4711-90')"
        " where tenant_id = :tenant and id = :conversation"
    ),
    (
        "insert into checkpoints (tenant_id, conversation_id, release, graph, payload)"
        " values (:tenant, :conversation, 1, 'support', :plain)"
    ),
    (
        "insert into actions (tenant_id, conversation_id, run_id, step, iteration, action, arguments)"
        " values (:tenant, :conversation, :run_id, :step, :iteration, 'order.find', :sealed)"
    ),
)
_COLUMNS = (
    "select c.relname, a.attname, format_type(a.atttypid, null) from pg_class c"
    " join pg_attribute a on a.attrelid = c.oid where c.relnamespace = 'public'::regnamespace"
    " and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped"
    " and has_table_privilege(c.oid, 'select')"
)
CANARIES = (EMAIL, "0701740605", "701740605", NAME, "kanarin", "zebrafinksbur")
"""As they were written, and as the words that a search knows."""
PROFILE = {"name": NAME, "email": EMAIL, "phone": "070-174 06 05", "metadata": {"nick": WORDS}}
INBOX = "/api/admin/conversations"
OTHER = "Joan Zixisson, joan@kanarie.example, 0701740606"


def conversation_of(asked: Any) -> UUID:
    return parse("conversation", asked["conversation_id"])


async def plant(staff: Staff) -> list[UUID]:
    """Put the person into every store there is; return their conversations. Only staff know that the last of
    them is theirs.
    """
    first = await staff.ask(f"Hej, jag heter {NAME} och min {WORDS} kom inte.\nMejla {EMAIL}")
    second = await staff.ask("Ring mig på 070-174 06 05, tack")
    third = await staff.ask("Jag har en fråga till")
    position = first["message"]["position"]
    path = f"{INBOX}/{first['conversation_id']}/messages/{position}"
    await staff.did("PUT", f"{path}/rating", {"correct": False})
    await staff.did("POST", f"{path}/correction", {"answer": f"Vi ringer {NAME}.", "language": "sv"})
    customer_id = (await staff.did("GET", f"{INBOX}/{first['conversation_id']}"))["customer"]["customer_id"]
    for changed in (PROFILE, {"phone": "0701740605"}):
        await staff.did("PATCH", f"/api/admin/customers/{customer_id}", changed)
    last = f"{INBOX}/{third['conversation_id']}"
    await staff.did("PATCH", last, {"customer_id": customer_id})
    await staff.did("PUT", f"{last}/presence", {"doing": "typing", "name": "Anna"})
    await staff.did("POST", f"{path}/reveal", {"reason": f"{NAME} ringde"})
    conversations = [conversation_of(each) for each in (first, second, third)]
    sealer = Sealer.of(staff.shop.services.settings.require("encryption_key"))
    key, fence = ActionKey(new_uuid(), "order.find"), Fence(HostId(new_uuid()), 1, 1)
    address = Address(staff.tenant_id, ConversationId(conversations[0]))
    arguments = Actions(staff.tenancy, sealer, address, fence)._seal(key, "arguments", json.dumps([NAME]))
    known = address.keys() | key._asdict() | {"plain": f"i klartext: {EMAIL}".encode(), "sealed": arguments}
    async with staff.tenancy.session(staff.tenant_id) as session:
        for planted in _PLANTED:
            await session.execute(text(planted), known)
    await staff.shop.services.files.write(
        staff.tenant_id, f"attachments/{conversations[0].hex}/kvitto.txt", f"Till {NAME}".encode()
    )
    async with Redis.from_url(staff.shop.services.settings.require("redis_url")) as redis:
        await redis.hset(f"replik:cache:{{{staff.tenant_id}:1:sv}}:entries", "q", f"Svar till {NAME}")
        await redis.rpush(f"buffer:conversation:{staff.tenant_id.hex}:{conversations[1].hex}", WORDS)
        await redis.set(f"limit:{staff.tenant_id.hex}:{EMAIL}", 1)
    return conversations


async def told(staff: Staff, words: tuple[str, ...], folder: Path) -> list[str]:
    """Look by other means than the code's own: return every place that has one of these words."""
    found = []
    async with staff.tenancy.session(staff.tenant_id) as session:
        for table, column, kind in (await session.execute(text(_COLUMNS))).all():
            whole = f'"{column}"' if kind == "bytea" else f"convert_to(\"{column}\"::text, 'UTF8')"
            for word in words:
                there = f"position(convert_to(:word, 'UTF8') in {whole}) > 0"
                sql = f'select count(*) from "{table}" where {there}'
                if (await session.execute(text(sql), {"word": word})).scalar_one():
                    found.append(f"{table}.{column}")
    async with Redis.from_url(staff.shop.services.settings.require("redis_url")) as redis:
        for key in await redis.keys("*"):
            held = [str(key).encode(), await redis.dump(key) or b""]
            if staff.tenant_id.hex in str(key).replace("-", "") and _hold(held, words):
                found.append(str(key))
    return found + [each.name for each in files(folder / "files" / staff.tenant_id.hex, words)]


def files(folder: Path, words: tuple[str, ...]) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and _hold([each.read_bytes()], words)]


def _hold(held: list[bytes], words: tuple[str, ...]) -> bool:
    return any(word.encode() in each for word in words for each in held)


async def worked(staff: Staff, path: str, worker: PrivacyWorker | None = None) -> Any:
    """Have what waits worked off, without waiting for a clock, and return the job as people see it."""
    worker = worker or privacy_worker(staff.shop.services)
    job_id = parse("privacy", path.rpartition("/")[2])
    for _ in range(10):
        async with staff.tenancy.session(staff.tenant_id) as session:
            await session.execute(text("update privacy_jobs set claimed_until = null"))
        await worker.run(staff.tenant_id, job_id)
        state = await staff.did("GET", path)
        if state["state"] not in {"queued", "running"}:
            return state
    return await staff.did("GET", path)
