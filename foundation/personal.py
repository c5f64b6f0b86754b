"""Personal data in the audit log: readable as long as the person's key is there.

Each person or visitor of a tenant has a random key, kept sealed. The log can never be changed, but without
the key nobody reads what it says about that person, and the chain of hashes holds all the same.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from foundation.crypto import SealBroken, Sealer
from foundation.envelopes import KEY_BYTES
from foundation.errors import ReplikError
from foundation.ids import TenantId
from foundation.tenancy import TenantSession

PURPOSE = "person_key"
_INSIDE = "personal"
ERASED = {"erased": True}
UNREADABLE = {"unreadable": True}
"""Stands for what was altered, or sealed by a key that is not known here."""


class NoSealer(ReplikError):
    """This session was opened without a sealer, so it cannot hold personal data."""

    code = "no_sealer"


@dataclass(frozen=True, slots=True)
class Personal:
    """A value of JSON that says something about a person or visitor (`subject`)."""

    subject: UUID
    value: Any = field(repr=False)


async def seal(session: TenantSession, tenant_id: TenantId, value: Any) -> Any:
    """Return JSON in which every `Personal` is `{"sealed": …, "of": subject}`.

    Raises:
        NoSealer: there is one, and the session's `Tenancy` has no sealer.
    """
    # In one order everywhere: two transactions that make the same keys must not wait for each other.
    subjects = sorted({each.subject for each in _found(value)})
    if not subjects:
        return value
    sealer = _sealer(session)
    keys = {each: await _made_key(session, sealer, tenant_id, each) for each in subjects}
    return _sealed(value, tenant_id, keys)


async def open_all(session: TenantSession, tenant_id: TenantId, values: Iterable[Any]) -> list[Any]:
    """Return stored values with what can be opened; `ERASED` stands where the key is gone.

    Raises:
        NoSealer: something is sealed, and the session's `Tenancy` has no sealer.
    """
    stored = list(values)
    subjects = {subject for value in stored for subject in _sealed_subjects(value)}
    if not subjects:
        return stored
    sealer = _sealer(session)
    rows = await session.execute(_KEYS, {"tenant": tenant_id, "subjects": list(subjects)})
    keys = {row.subject: _unwrapped(sealer, tenant_id, row.subject, row.wrapped_key) for row in rows}
    return [_opened(value, tenant_id, keys) for value in stored]


async def erase_key(session: TenantSession, tenant_id: TenantId, subject: UUID) -> bool:
    """Forget a person's key, for ever; tell whether there was one. The caller records that it was done.

    What is recorded about the person later gets a new key, which opens nothing of before.
    """
    gone = await session.execute(_ERASE, {"tenant": tenant_id, "subject": subject})
    return gone.first() is not None


def key_context(tenant_id: UUID, subject: UUID) -> bytes:
    """What a person's key, and all that is under it, is bound to."""
    return f"{tenant_id}/{subject}".encode()


def _sealer(session: TenantSession) -> Sealer:
    sealer: Sealer | None = session.info.get("sealer")
    if sealer is None:
        raise NoSealer
    return sealer


async def _made_key(session: TenantSession, sealer: Sealer, tenant_id: TenantId, subject: UUID) -> Sealer:
    known = {"tenant": tenant_id, "subject": subject}
    row = (await session.execute(_KEY, known)).first()
    if row is None:
        fresh = sealer.seal(PURPOSE, os.urandom(KEY_BYTES), key_context(tenant_id, subject))
        await session.execute(_ADD, known | {"key": fresh})
        row = (await session.execute(_KEY, known)).one()
    return Sealer((sealer.open(PURPOSE, bytes(row.wrapped_key), key_context(tenant_id, subject)),))


def _unwrapped(sealer: Sealer, tenant_id: UUID, subject: UUID, wrapped: bytes) -> Sealer | None:
    try:
        return Sealer((sealer.open(PURPOSE, bytes(wrapped), key_context(tenant_id, subject)),))
    except SealBroken:
        return None


def _found(value: Any) -> Iterator[Personal]:
    if isinstance(value, Personal):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _found(each)


def _sealed(value: Any, tenant_id: TenantId, keys: dict[UUID, Sealer]) -> Any:
    if isinstance(value, Personal):
        context = key_context(tenant_id, value.subject)
        plain = json.dumps(value.value, ensure_ascii=False).encode()
        hidden = keys[value.subject].seal(_INSIDE, plain, context)
        return {"sealed": base64.b64encode(hidden).decode(), "of": str(value.subject)}
    if isinstance(value, dict):
        return {name: _sealed(each, tenant_id, keys) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sealed(each, tenant_id, keys) for each in value]
    return value


def _subject(value: Any) -> UUID | None:
    """Return of whom a stored value is, if it is a sealed one."""
    if not isinstance(value, dict) or value.keys() != {"sealed", "of"}:
        return None
    try:
        return UUID(str(value["of"]))
    except ValueError:
        return None


def _sealed_subjects(value: Any) -> Iterator[UUID]:
    if (subject := _subject(value)) is not None:
        yield subject
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _sealed_subjects(each)


def _opened(value: Any, tenant_id: TenantId, keys: dict[UUID, Sealer | None]) -> Any:
    if (subject := _subject(value)) is not None:
        if subject not in keys:
            return ERASED
        key = keys[subject]
        return UNREADABLE if key is None else _read(value, key, key_context(tenant_id, subject))
    if isinstance(value, dict):
        return {name: _opened(each, tenant_id, keys) for name, each in value.items()}
    if isinstance(value, list):
        return [_opened(each, tenant_id, keys) for each in value]
    return value


def _read(value: dict[str, str], key: Sealer, context: bytes) -> Any:
    try:
        hidden = base64.b64decode(value["sealed"], validate=True)
        if not key.made(hidden):
            return ERASED  # by an earlier key of the same person
        return json.loads(key.open(_INSIDE, hidden, context))
    except (SealBroken, binascii.Error, ValueError, TypeError):
        return UNREADABLE


_KEY = text("select wrapped_key from person_keys where tenant_id = :tenant and subject = :subject")
_KEYS = text(
    "select subject, wrapped_key from person_keys where tenant_id = :tenant and subject = any(:subjects)"
)
_ADD = text(
    "insert into person_keys (tenant_id, subject, wrapped_key) values (:tenant, :subject, :key)"
    " on conflict do nothing"
)
_ERASE = text("delete from person_keys where tenant_id = :tenant and subject = :subject returning 1")
