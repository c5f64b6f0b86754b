"""The only door to a tenant's rows: sessions and trips that the database itself confines to one tenant."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from foundation.crypto import Sealer
from foundation.database.trips import Rows, Taken, Trips, Values
from foundation.ids import KeyId, PersonId, TenantId
from foundation.permissions import PERMISSIONS, Permission

_TRIPS = 10
"""Connections for trips: each is used for a millisecond."""


class TenantSession(AsyncSession):
    """An `AsyncSession` whose every transaction is confined to one tenant, one person, or both."""


@event.listens_for(Session, "after_begin")
def _confine(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    # Here, and not when the session opens, so that every later transaction of it is confined too.
    for name in ("tenant_id", "person_id"):
        value = session.info.get(name)
        if value is not None:
            connection.execute(
                text("select set_config(:name, :value, true)"), {"name": f"app.{name}", "value": str(value)}
            )


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose key it is, and what it may do."""

    tenant_id: TenantId
    key_id: KeyId
    kind: str
    allowed_origins: tuple[str, ...]
    """Whose pages may use it: exact, or `https://*.example.com`; none means any."""
    scopes: frozenset[Permission]
    requests_per_minute: int | None
    """None: as the installation has it."""
    require_identity: bool
    """Whether conversations begin only with an identity that the company's server has signed."""
    identity_secrets: tuple[bytes, ...] = field(repr=False)
    """Sealed; what identities may be signed with now."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Opens tenant sessions, and answers the few questions that come before a tenant is known."""

    engine: AsyncEngine
    sealer: Sealer | None = field(default=None, repr=False)
    """For personal data in audit rows; who records none does without."""
    _trips: Trips = field(init=False, repr=False)

    def __post_init__(self) -> None:
        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        object.__setattr__(self, "_trips", Trips(url, size=_TRIPS))

    @asynccontextmanager
    async def session(self, tenant_id: TenantId) -> AsyncIterator[TenantSession]:
        """Yield a session in one transaction; committed when the block ends, rolled back when it raises."""
        async with (
            TenantSession(
                self.engine, expire_on_commit=False, info={"tenant_id": tenant_id, "sealer": self.sealer}
            ) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def person(
        self, person_id: PersonId, tenant_id: TenantId | None = None
    ) -> AsyncIterator[TenantSession]:
        """Yield a session on what belongs to a person, and on a tenant of theirs if one is given."""
        info = {"person_id": person_id, "tenant_id": tenant_id}
        async with (
            TenantSession(self.engine, expire_on_commit=False, info=info) as session,
            session.begin(),
        ):
            yield session

    async def ask(self, statement: str, values: Values) -> Rows:
        """Run one of the lookup functions that come before a tenant or a person is known."""
        return await self._trips.ask(statement, values)

    async def trip(
        self, tenant_id: TenantId, *statements: str, values: Values, lightly: bool = False
    ) -> Taken:
        """Run repeatable statements in one transaction and one round trip: see `Trips.take`."""
        return await self._trips.take(tenant_id, *statements, values=values, lightly=lightly)

    async def owner_of_key(self, key: str) -> KeyOwner | None:
        """Return whose API key this is; None for unknown, expired and revoked keys."""
        found = await self._trips.ask("select * from tenant_of_key(%(hash)s)", {"hash": hash_key(key)})
        if not found:
            return None
        [row] = found
        return KeyOwner(
            TenantId(row.tenant_id),
            KeyId(row.key_id),
            row.kind,
            tuple(row.allowed_origins),
            scopes_of(row.scopes),
            row.requests_per_minute,
            row.require_identity,
            tuple(row.identity_secrets),
        )

    async def tenant_of_slug(self, slug: str) -> TenantId | None:
        """Return the tenant with this short name, if there is one."""
        [row] = await self._trips.ask("select tenant_of_slug(%(slug)s) as id", {"slug": slug})
        return None if row.id is None else TenantId(row.id)

    async def close(self) -> None:
        """Let go of all connections, the engine's too."""
        await self._trips.close()
        await self.engine.dispose()


def scopes_of(stored: Iterable[str] | None) -> frozenset[Permission]:
    """Return what a key with these stored scopes may do; None is a key from before there were scopes."""
    return PERMISSIONS if stored is None else PERMISSIONS.intersection(stored)


def hash_key(key: str) -> bytes:
    """Return the SHA-256 of an API key. Keys are long and random, so a slow hash would add nothing."""
    return sha256(key.encode()).digest()
