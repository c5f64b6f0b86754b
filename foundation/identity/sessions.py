"""Sessions: a random token in a cookie, and a row that says whose it is and ends it."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select, update

from foundation.database.models import SessionRow
from foundation.errors import Forbidden, NotFound
from foundation.identity.tokens import new_token, token_hash
from foundation.ids import PersonId, SessionId, TenantId, new_uuid
from foundation.permissions import PERMISSIONS, ROLES, Permission
from foundation.tenancy import Tenancy, TenantSession

IDLE: Final = timedelta(hours=12)
LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, as people recognise it."""

    device: str
    address: str

    @property
    def short_address(self) -> str:
        """The network only: /16 of IPv4, /32 of IPv6."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return ""
        prefix = 16 if address.version == 4 else 32
        return str(ipaddress.ip_network((address, prefix), strict=False))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who shows a session's cookie, and what they may do in the tenant they work in."""

    id: SessionId
    person_id: PersonId
    tenant_id: TenantId | None
    """None when they are in no team, or in this one no more."""
    only_tenant: TenantId | None
    """Whose own provider vouched for them; they reach no other tenant, and not their account."""
    factor_owed: bool
    permissions: frozenset[Permission]

    @property
    def actor(self) -> str:
        return f"person:{self.person_id.hex}"

    def require_own(self) -> None:
        """Raises: Forbidden when a tenant's provider vouched: it must not reach a person's whole account."""
        if self.only_tenant is not None:
            raise Forbidden(reason="sso")


@dataclass(frozen=True, slots=True)
class SessionView:
    id: SessionId
    device: str
    address: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """All sessions of all people."""

    tenancy: Tenancy

    async def of_token(self, token: str) -> SignedIn | None:
        """Return who shows this token; None when it is unknown, idle for too long, or over."""
        rows = await self.tenancy.ask(
            "select * from session_of_token(%(hash)s, %(idle)s)", {"hash": token_hash(token), "idle": IDLE}
        )
        if not rows:
            return None
        [row] = rows
        return SignedIn(
            SessionId(row.id),
            PersonId(row.person_id),
            None if row.tenant_id is None else TenantId(row.tenant_id),
            None if row.only_tenant is None else TenantId(row.only_tenant),
            row.factor_owed,
            permissions_of(row.role, row.permissions or ()),
        )

    async def own(self, person_id: PersonId) -> list[SessionView]:
        """Return a person's living sessions, the one seen last first."""
        now = func.clock_timestamp()
        alive = (SessionRow.expires_at > now) & (SessionRow.seen_at > now - IDLE)
        async with self.tenancy.person(person_id) as session:
            rows = await session.scalars(select(SessionRow).where(alive).order_by(SessionRow.seen_at.desc()))
            return [
                SessionView(SessionId(row.id), row.device, row.address, row.created_at, row.seen_at)
                for row in rows
            ]


async def begin(
    session: TenantSession,
    person_id: PersonId,
    client: Client,
    *,
    tenant_id: TenantId | None,
    factor_owed: bool = False,
    only_tenant: TenantId | None = None,
) -> str:
    """Add a session of the person whose database session this is; return its token, shown this once."""
    token = new_token()
    now = func.clock_timestamp()
    await session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
    session.add(
        SessionRow(
            id=new_uuid(),
            person_id=person_id,
            token_hash=token_hash(token),
            tenant_id=tenant_id,
            only_tenant=only_tenant,
            factor_owed=factor_owed,
            device=device_of(client.device),
            address=client.short_address,
            expires_at=now + LIFETIME,
        )
    )
    await session.flush()
    return token


async def rotate(session: TenantSession, session_id: SessionId) -> str:
    """Give a session another token, and no second factor to owe; return the token.

    Raises:
        NotFound: it has ended meanwhile.
    """
    token = new_token()
    changed = await session.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id)
        .values(token_hash=token_hash(token), factor_owed=False)
        .returning(SessionRow.id)
    )
    if changed.first() is None:
        raise NotFound(kind="session")
    return token


async def end(session: TenantSession, session_id: SessionId) -> None:
    """End one session of the person.

    Raises:
        NotFound: they have none of this id.
    """
    ended = await session.execute(
        delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.id)
    )
    if ended.first() is None:
        raise NotFound(kind="session")


async def end_others(session: TenantSession, kept: SessionId | None) -> int:
    """End all sessions of the person but one; return how many."""
    ended = await session.execute(
        delete(SessionRow).where(SessionRow.id.is_distinct_from(kept)).returning(SessionRow.id)
    )
    return len(ended.all())


def permissions_of(role: str | None, custom: Iterable[str]) -> frozenset[Permission]:
    """Return what a role allows: one that every tenant has, or the permissions of the tenant's own."""
    built_in = next((held for name, held in ROLES.items() if name == role), None)
    return built_in if built_in is not None else PERMISSIONS & frozenset(custom)


def device_of(user_agent: str) -> str:
    """Return browser and system in a few words, as in `Firefox, Linux`."""
    browsers = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
    systems = {
        "Android": "Android",
        r"iPhone|iPad": "iOS",
        "Windows": "Windows",
        "Mac OS": "macOS",
        "Linux": "Linux",
    }
    browser = next((name for sign, name in browsers.items() if re.search(sign, user_agent)), "")
    system = next((name for sign, name in systems.items() if re.search(sign, user_agent)), "")
    return ", ".join(filter(None, (browser, system))) or "".join(filter(str.isprintable, user_agent))[:40]
