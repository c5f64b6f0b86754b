"""A tenant's API keys: made, listed, changed, rotated with an overlap, revoked. Secrets are shown once.

Nobody gives more than they have: whoever makes, changes or rotates a key holds all that it may do.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, case, func, select

from foundation import audit, lists, plans
from foundation.crypto import Sealer
from foundation.database.models import ApiKey
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from foundation.ids import KeyId, TenantId, new_uuid, show
from foundation.permissions import Permission, Principal
from foundation.tenancy import Tenancy, TenantSession, hash_key, scopes_of

KeyKind = Literal["server", "publishable"]
KeyStatus = Literal["active", "expired", "revoked"]
Sort = Literal["newest", "oldest", "name", "-name", "used", "-used"]

MOST = 100
"""Keys of a tenant that are not revoked."""

_PREFIX: Mapping[KeyKind, str] = {"server": "sk", "publishable": "pk"}
_SHOWN = 12
IDENTITY_PURPOSE = "identity secret"
_NEVER = datetime.fromtimestamp(0, UTC)
_ORDERS: Final[Mapping[str, lists.Order]] = {
    **lists.by_age(ApiKey.id),
    **lists.both_ways("name", lists.letters(ApiKey.name), ApiKey.id),
    **lists.both_ways("used", func.coalesce(ApiKey.last_used_at, _NEVER), ApiKey.id),
}
_STATUS: Final[ColumnElement[str]] = case(
    (ApiKey.revoked_at.is_not(None), "revoked"),
    (ApiKey.expires_at <= func.clock_timestamp(), "expired"),
    else_="active",
)


class TooManyKeys(InvalidInput):
    """A tenant can have 100 keys; revoke one that nobody uses."""

    code = "too_many_keys"


@dataclass(frozen=True, slots=True)
class KeyView:
    """A stored key, without its secrets."""

    id: KeyId
    kind: KeyKind
    name: str
    prefix: str
    """What people see of the secret."""
    scopes: frozenset[Permission]
    allowed_origins: tuple[str, ...]
    requests_per_minute: int | None
    require_identity: bool
    has_identity_secret: bool
    created_at: datetime
    last_used_at: datetime | None
    """To the minute."""
    expires_at: datetime | None
    former_until: datetime | None
    """Until then the secret before the last rotation goes on."""
    revoked_at: datetime | None

    @property
    def state(self) -> KeyStatus:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= datetime.now(UTC) else "active"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which keys a list shows; a None lets everything through."""

    state: KeyStatus | None = None
    kind: KeyKind | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A key and its new secret, which is nowhere else."""

    key: KeyView
    secret: str = field(repr=False)


def new_key(kind: KeyKind) -> str:
    """Return a fresh random API key (256 bits)."""
    return f"{_PREFIX[kind]}_{secrets.token_hex(32)}"


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """All that can be done with them; every change is one transaction with its audit row."""

    tenancy: Tenancy
    sealer: Sealer

    async def page(self, tenant_id: TenantId, paging: lists.Paging, wanted: Filter) -> lists.Page[KeyView]:
        """Return a page of keys, those that are over too, sorted by a `Sort`.

        Words are looked for in names and in what is shown of the secret.

        Raises:
            InvalidInput: the cursor is none of this list's.
        """
        chosen = select(ApiKey).where(
            *lists.equal((_STATUS, wanted.state), (ApiKey.kind, wanted.kind)),
            *lists.having(paging.words, ApiKey.name, ApiKey.prefix),
        )
        async with self.tenancy.session(tenant_id) as session:
            return await lists.page(session, chosen, _ORDERS, paging, _view)

    async def get(self, tenant_id: TenantId, key_id: KeyId) -> KeyView:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            return _view(await _row(session, key_id))

    async def make(self, caller: Principal, kind: KeyKind, values: Mapping[str, Any]) -> Made:
        """Make a key; `values` are columns: name, scopes, allowed_origins, expires_at, requests_per_minute.

        Raises:
            Forbidden: it would do more than `caller` may.
            TooManyKeys, InvalidInput: there are enough; it would be over at once.
            PlanLimit: the tenant's plan allows no more.
        """
        _refuse_past(values)
        _refuse_more(caller, values["scopes"])
        secret = new_key(kind)
        async with self.tenancy.session(caller.tenant_id) as session:
            living = select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None))
            if (await session.scalar(living) or 0) >= MOST:
                raise TooManyKeys()
            await plans.check(session, caller.tenant_id, "keys")
            row = key_row(caller.tenant_id, kind, secret, **values)
            session.add(row)
            await session.flush()
            await _record(session, caller, "create", row.id, after=_facts(row))
            return Made(await _fresh(session, row), secret)

    async def change(self, caller: Principal, key_id: KeyId, values: Mapping[str, Any]) -> KeyView:
        """Set columns as in `make`, or `require_identity`.

        Raises:
            NotFound, Conflict: there is no such key; it is revoked.
            Forbidden: it does, or would do, more than `caller` may.
            InvalidInput: identities are required but there is no secret to sign them with; it would be over.
        """
        _refuse_past(values)
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await _living(session, caller, key_id)
            _refuse_more(caller, values.get("scopes", ()))
            _refuse_other_kind(row, values)
            before = _facts(row)
            for name, value in values.items():
                setattr(row, name, value)
            if (after := _facts(row)) != before:
                await _record(session, caller, "change", key_id, before=before, after=after)
            return await _fresh(session, row)

    async def rotate(self, caller: Principal, key_id: KeyId, overlap: timedelta) -> Made:
        """Give the key another secret at once; the present one goes on for `overlap`, an older one ends.

        Raises:
            NotFound, Conflict, Forbidden: as `change`.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await _living(session, caller, key_id)
            secret = new_key(row.kind)  # type: ignore[arg-type] # checked by the table
            before, until = row.prefix, _end(overlap)
            row.former_hash, row.former_until = row.hash if until else None, until
            row.hash, row.prefix = hash_key(secret), secret[:_SHOWN]
            after = {"prefix": row.prefix, "former_until": until.isoformat() if until else None}
            await _record(session, caller, "rotate", key_id, before={"prefix": before}, after=after)
            return Made(await _fresh(session, row), secret)

    async def rotate_identity(self, caller: Principal, key_id: KeyId, overlap: timedelta) -> Made:
        """Give a publishable key a secret to sign identities with; a present one goes on for `overlap`.

        Raises:
            NotFound, Conflict: there is no such key; it is revoked, or a server key.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await _living(session, caller, key_id)
            if row.kind != "publishable":
                raise Conflict(reason="server_key")
            secret = f"ids_{secrets.token_hex(32)}"
            until = _end(overlap) if row.identity_secret is not None else None
            row.former_identity_secret = row.identity_secret if until else None
            row.former_identity_until = until
            context = identity_context(caller.tenant_id, key_id)
            row.identity_secret = self.sealer.seal(IDENTITY_PURPOSE, secret.encode(), context)
            after = {"former_until": until.isoformat() if until else None}
            await _record(session, caller, "identity.rotate", key_id, after=after)
            return Made(await _fresh(session, row), secret)

    async def revoke(self, caller: Principal, key_id: KeyId) -> None:
        """End a key at once, both its secrets; again is as once.

        Raises:
            NotFound: there is none of this id.
        """
        async with self.tenancy.session(caller.tenant_id) as session:
            row = await _row(session, key_id, lock=True)
            if row.revoked_at is None:
                row.revoked_at = datetime.now(UTC)
                await _record(session, caller, "revoke", key_id, before=_facts(row))


def identity_secret(sealer: Sealer, tenant_id: TenantId, key_id: KeyId, sealed: bytes) -> str:
    """Return what a company's server signs its visitors' identities with."""
    return sealer.open(IDENTITY_PURPOSE, sealed, identity_context(tenant_id, key_id)).decode()


def key_row(tenant_id: TenantId, kind: KeyKind, key: str, **values: Any) -> ApiKey:
    """Return a new row for a key."""
    return ApiKey(
        tenant_id=tenant_id, id=new_uuid(), kind=kind, prefix=key[:_SHOWN], hash=hash_key(key), **values
    )


def identity_context(tenant_id: TenantId, key_id: KeyId) -> bytes:
    return tenant_id.bytes + key_id.bytes


def _end(overlap: timedelta) -> datetime | None:
    return datetime.now(UTC) + overlap if overlap else None


def _held(row: ApiKey) -> frozenset[Permission]:
    """What a key may do; those for pages have no permissions at all."""
    return scopes_of(row.scopes) if row.kind == "server" else frozenset()


def _refuse_more(caller: Principal, scopes: Iterable[str]) -> None:
    if more := sorted(set(scopes) - caller.permissions):
        raise Forbidden(permission=more[0], reason="more_than_you_have")


def _refuse_past(values: Mapping[str, Any]) -> None:
    expires_at: datetime | None = values.get("expires_at")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidInput(field="expires_at", reason="past")


def _refuse_other_kind(row: ApiKey, values: Mapping[str, Any]) -> None:
    foreign = {"allowed_origins", "require_identity"} if row.kind == "server" else {"scopes"}
    if wrong := sorted(foreign & values.keys()):
        raise InvalidInput(field=wrong[0], reason=f"not_of_a_{row.kind}_key")
    if values.get("require_identity") and row.identity_secret is None:
        raise InvalidInput(field="require_identity", reason="no_identity_secret")


async def _row(session: TenantSession, key_id: KeyId, *, lock: bool = False) -> ApiKey:
    wanted = select(ApiKey).where(ApiKey.id == key_id)
    row = await session.scalar(wanted.with_for_update() if lock else wanted)
    if row is None:
        raise NotFound(kind="key")
    return row


async def _living(session: TenantSession, caller: Principal, key_id: KeyId) -> ApiKey:
    """Return a key that `caller` may change, locked until the end of the transaction."""
    row = await _row(session, key_id, lock=True)
    if row.revoked_at is not None:
        raise Conflict(reason="revoked")
    _refuse_more(caller, _held(row))
    return row


async def _fresh(session: TenantSession, row: ApiKey) -> KeyView:
    await session.flush()
    await session.refresh(row)
    return _view(row)


def _facts(row: ApiKey) -> dict[str, Any]:
    """What the audit log has of a key."""
    return {
        "kind": row.kind,
        "prefix": row.prefix,
        "name": row.name,
        "scopes": None if row.scopes is None else sorted(row.scopes),
        "allowed_origins": list(row.allowed_origins),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "requests_per_minute": row.requests_per_minute,
        "require_identity": bool(row.require_identity),
    }


async def _record(
    session: TenantSession,
    caller: Principal,
    verb: str,
    key_id: Any,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await audit.record(
        session,
        caller.tenant_id,
        actor=caller.actor,
        action=f"key.{verb}",
        subject=show("key", key_id),
        before=before,
        after=after,
    )


def _view(row: ApiKey) -> KeyView:
    return KeyView(
        id=KeyId(row.id),
        kind=row.kind,  # type: ignore[arg-type] # checked by the table
        name=row.name,
        prefix=row.prefix,
        scopes=_held(row),
        allowed_origins=tuple(row.allowed_origins),
        requests_per_minute=row.requests_per_minute,
        require_identity=row.require_identity,
        has_identity_secret=row.identity_secret is not None,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        former_until=row.former_until,
        revoked_at=row.revoked_at,
    )
