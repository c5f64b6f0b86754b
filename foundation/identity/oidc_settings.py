"""A tenant's own identity provider: where it is, what it knows us as, and whom it may vouch for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func

from foundation import audit
from foundation.crypto import Sealer
from foundation.database.models import OidcSettingsRow
from foundation.errors import InvalidInput, NotFound
from foundation.identity.grants import require_within
from foundation.identity.sessions import permissions_of
from foundation.ids import TenantId, show
from foundation.permissions import Principal, Role
from foundation.tenancy import Tenancy

PURPOSE = "oidc secret"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """`issuer` is an https address without a slash at the end, as discovery has it."""

    issuer: str
    client_id: str
    domains: Sequence[str]
    """E-mail domains, in small letters, that it may vouch for."""
    default_role: Role | None
    """What somebody becomes who was not in the team; None lets in members only."""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OidcSettingsStore:
    """Reads and writes them; the secret is sealed for its tenant and never shown again."""

    tenancy: Tenancy
    sealer: Sealer

    async def get(self, tenant_id: TenantId) -> OidcSettings:
        """Return a tenant's settings with the secret.

        Raises:
            NotFound: the tenant has no provider of its own.
        """
        async with self.tenancy.session(tenant_id) as session:
            row = await session.get(OidcSettingsRow, tenant_id)
        if row is None:
            raise NotFound(kind="oidc")
        secret = self.sealer.open(PURPOSE, row.client_secret, tenant_id.bytes).decode()
        return _view(row, secret)

    async def put(self, caller: Principal, wanted: OidcSettings) -> OidcSettings:
        """Store a tenant's settings; an empty secret keeps the stored one, for the same issuer and client.

        Raises:
            MoreThanOwn: the default role is more than the caller has.
            InvalidInput: there is no stored secret to keep.
        """
        require_within(caller, permissions_of(wanted.default_role, ()))
        tenant_id = caller.tenant_id
        async with self.tenancy.session(tenant_id) as session:
            row = await session.get(OidcSettingsRow, tenant_id, with_for_update=True)
            before = None if row is None else _shown(_view(row, ""))
            if wanted.client_secret:
                sealed = self.sealer.seal(PURPOSE, wanted.client_secret.encode(), tenant_id.bytes)
            elif row is not None and (row.issuer, row.client_id) == (wanted.issuer, wanted.client_id):
                sealed = row.client_secret
            else:
                raise InvalidInput(field="client_secret", reason="missing")
            await session.merge(
                OidcSettingsRow(
                    tenant_id=tenant_id,
                    issuer=wanted.issuer,
                    client_id=wanted.client_id,
                    client_secret=sealed,
                    domains=list(wanted.domains),
                    default_role=wanted.default_role,
                    updated_at=func.clock_timestamp(),
                )
            )
            await audit.record(
                session,
                tenant_id,
                actor=caller.actor,
                action="oidc.change",
                subject=show("tenant", tenant_id),
                before=before,
                after=_shown(wanted),
            )
        return wanted

    async def delete(self, caller: Principal) -> None:
        """Forget the provider; nobody signs in through it any more.

        Raises:
            NotFound: the tenant has none.
        """
        tenant_id = caller.tenant_id
        async with self.tenancy.session(tenant_id) as session:
            row = await session.get(OidcSettingsRow, tenant_id)
            if row is None:
                raise NotFound(kind="oidc")
            await session.execute(delete(OidcSettingsRow))
            await audit.record(
                session,
                tenant_id,
                actor=caller.actor,
                action="oidc.delete",
                subject=show("tenant", tenant_id),
                before=_shown(_view(row, "")),
            )


def _view(row: OidcSettingsRow, secret: str) -> OidcSettings:
    role: Role | None = row.default_role  # type: ignore[assignment] # the table checks it
    return OidcSettings(row.issuer, row.client_id, tuple(row.domains), role, secret)


def _shown(settings: OidcSettings) -> dict[str, object]:
    return {
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "domains": list(settings.domains),
        "default_role": settings.default_role,
    }
