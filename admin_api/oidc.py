"""Routes for a tenant's own identity provider."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from admin_api.desk import Desk, DeskDep
from foundation.identity.oidc_settings import OidcSettings, OidcSettingsStore
from foundation.permissions import Role


def _issuer(url: str) -> str:
    if not re.fullmatch(r"https://[\w.:\[\]-]+(/[\w.~%/-]*)?", url):
        raise ValueError("must be an https address without user, query or fragment")
    return url.rstrip("/")


def _domain(text: str) -> str:
    domain = text.strip().lower()
    if not re.fullmatch(r"(?:[\w](?:[\w-]*[\w])?\.)+[\w](?:[\w-]*[\w])?", domain):
        raise ValueError("must be domains such as example.com")
    return domain


Domain = Annotated[str, Field(min_length=3, max_length=253), AfterValidator(_domain)]


class OidcBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, Field(max_length=500), AfterValidator(_issuer)]
    """https, on the open internet; below it lies `/.well-known/openid-configuration`."""
    client_id: Annotated[str, Field(pattern="^[!-~]{1,500}$")]
    client_secret: SecretStr | None = Field(default=None, max_length=2000)
    """Left out, the stored one stays, for the same issuer and client. It is never shown again."""
    domains: Annotated[list[Domain], Field(min_length=1, max_length=50)]
    """Of the e-mail addresses that it may vouch for."""
    default_role: Role | None = None
    """What somebody becomes who was not in the team; left out, only members get in."""


class OidcView(BaseModel):
    issuer: str
    client_id: str
    domains: Sequence[str]
    default_role: Role | None


router = APIRouter(prefix="/oidc", tags=["team"])


@router.get("")
async def get(desk: DeskDep) -> OidcView:
    """Show the provider, never the secret."""
    return _view(await _store(desk).get(desk.tenant_id))


@router.put("")
async def put(desk: DeskDep, body: OidcBody) -> OidcView:
    """Let people sign in through a provider of the tenant's own."""
    secret = body.client_secret.get_secret_value() if body.client_secret else ""
    wanted = OidcSettings(
        body.issuer, body.client_id, tuple(dict.fromkeys(body.domains)), body.default_role, secret
    )
    return _view(await _store(desk).put(desk.caller, wanted))


@router.delete("", status_code=204)
async def delete(desk: DeskDep) -> None:
    """Forget the provider."""
    await _store(desk).delete(desk.caller)


def _store(desk: Desk) -> OidcSettingsStore:
    return OidcSettingsStore(desk.tenancy, desk.sealer)


def _view(settings: OidcSettings) -> OidcView:
    return OidcView(
        issuer=settings.issuer,
        client_id=settings.client_id,
        domains=settings.domains,
        default_role=settings.default_role,
    )
