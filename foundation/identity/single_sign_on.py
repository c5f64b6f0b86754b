"""Sign-in through a tenant's own provider: to that tenant, and to nothing else of the person's."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from foundation import audit
from foundation.clients.oidc.provider import Asked, Provider, ProviderFailed, Vouched
from foundation.crypto import Tokens
from foundation.errors import InvalidInput, NotFound, ReplikError, Unauthorized
from foundation.identity import emails
from foundation.identity.accounts import NewPerson, add_member, add_person, person_of
from foundation.identity.errors import SsoRefused
from foundation.identity.oidc_settings import OidcSettings, OidcSettingsStore
from foundation.identity.sessions import Client
from foundation.identity.sign_in import SignIn
from foundation.ids import PersonId, TenantId, new_uuid, show
from foundation.permissions import Role
from foundation.plans import PlanLimit
from foundation.tenancy import Tenancy

LASTS_S: Final = 600.0
"""How long somebody may take at the provider."""
_PURPOSE: Final = "oidc"


@dataclass(frozen=True, slots=True)
class Started:
    """Where the browser goes, and what it keeps (sealed) until it comes back."""

    address: str
    kept: str


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """A provider vouches for people of its tenant's domains; the session reaches that tenant only.

    Who runs a tenant runs its provider, and could let it vouch for anybody's address: hence the limit.
    """

    tenancy: Tenancy
    settings: OidcSettingsStore
    sign_in: SignIn
    tokens: Tokens
    provider: Callable[[OidcSettings], Provider]
    redirect_uri: str

    async def start(self, slug: str) -> Started:
        """Begin to sign in to the tenant with this short name.

        Raises:
            NotFound: there is no such tenant, or it has no provider.
            ProviderFailed.
        """
        tenant_id = await self.tenancy.tenant_of_slug(slug)
        if tenant_id is None:
            raise NotFound(kind="oidc")
        settings = await self.settings.get(tenant_id)
        asked = Asked(*(secrets.token_urlsafe(32) for _ in range(3)))
        address = await self.provider(settings).start(asked, self.redirect_uri)
        value = [tenant_id.hex, asked.state, asked.nonce, asked.verifier]
        return Started(address, self.tokens.seal(_PURPOSE, list(value), LASTS_S))

    async def finish(self, kept: str, state: str, code: str, client: Client) -> str:
        """Return the token of a fresh session for whom the provider vouches.

        Raises:
            Unauthorized: this browser has not begun it, or too long ago.
            SsoRefused: `reason` is `state`, `email`, `domain` or `not_member`.
            ProviderFailed.
            PlanLimit: they would be taken in, but the team has all its seats.
        """
        tenant_id, asked = self._opened(kept)
        if not secrets.compare_digest(asked.state.encode(), state.encode()):
            raise SsoRefused(reason="state")
        settings = await self.settings.get(tenant_id)
        try:
            vouched = await self.provider(settings).finish(asked, code, self.redirect_uri)
            email = _email(vouched, settings)
            person_id = await self._member(tenant_id, settings.default_role, email, vouched.name)
        except (SsoRefused, ProviderFailed, PlanLimit) as refused:
            await self._record_refusal(tenant_id, refused)
            raise
        return await self.sign_in.open(person_id, client, only_tenant=tenant_id)

    async def _record_refusal(self, tenant_id: TenantId, refused: ReplikError) -> None:
        async with self.tenancy.session(tenant_id) as session:
            await audit.record(
                session,
                tenant_id,
                actor="oidc",
                action="oidc.refuse",
                subject=show("tenant", tenant_id),
                after={"code": refused.code, "reason": refused.data.get("reason")},
            )

    def _opened(self, kept: str) -> tuple[TenantId, Asked]:
        value = self.tokens.open(_PURPOSE, kept)
        if not isinstance(value, list) or len(value) != 4:
            raise Unauthorized()
        tenant, state, nonce, verifier = cast("list[str]", value)
        return TenantId(UUID(tenant)), Asked(state, nonce, verifier)

    async def _member(self, tenant_id: TenantId, role: Role | None, email: str, name: str) -> PersonId:
        """Return the team's member with this address, taken in now if the tenant wants that."""
        found = await person_of(self.tenancy, email)
        if found is not None:
            rows = await self.tenancy.ask("select tenant_id from memberships_of(%(id)s)", {"id": found})
            if any(row.tenant_id == tenant_id for row in rows):
                return found
        if role is None:
            raise SsoRefused(reason="not_member")
        person_id = found or PersonId(new_uuid())
        async with self.tenancy.person(person_id, tenant_id) as session:
            if found is None:
                # Not confirmed: only the tenant's word stands for the address, which is good for the tenant.
                shown = "".join(filter(str.isprintable, name))[:100] or email.partition("@")[0]
                await add_person(session, NewPerson(person_id, email, shown, "sv", None))
            await add_member(session, tenant_id, person_id, role, "oidc")
        return person_id


def _email(vouched: Vouched, settings: OidcSettings) -> str:
    try:
        email = emails.normal(vouched.email)
    except InvalidInput:
        raise SsoRefused(reason="email") from None
    if not vouched.email_verified:
        raise SsoRefused(reason="email_unverified")
    if emails.domain(email) not in settings.domains:
        raise SsoRefused(reason="domain")
    return email
