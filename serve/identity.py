"""All that people sign in with, built from the settings."""

import hmac
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.clients.mail.choice import mailer_for
from foundation.clients.oidc.provider import Provider
from foundation.crypto import Tokens, sealer_of
from foundation.identity.acceptance import Acceptance
from foundation.identity.accounts import Accounts
from foundation.identity.hashing import Hashing
from foundation.identity.mail_outbox import MailOutbox
from foundation.identity.mails import Letters, load_mails
from foundation.identity.oidc_settings import OidcSettings, OidcSettingsStore
from foundation.identity.second_factor import SecondFactor
from foundation.identity.sessions import Sessions
from foundation.identity.sign_in import SignIn
from foundation.identity.single_sign_on import SingleSignOn
from foundation.identity.throttle import Throttle
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from serve.tenants import found


@dataclass(frozen=True, slots=True)
class Identity:
    """Built once per gateway process."""

    base: str
    """Where people reach Replik, without a slash at the end."""
    guarded: bool
    """Whether cookies are for https only: in production."""
    secret: bytes = field(repr=False)
    """What CSRF tokens are made with."""
    letters: Letters
    sessions: Sessions
    accounts: Accounts
    sign_in: SignIn
    factor: SecondFactor
    acceptance: Acceptance
    sso: SingleSignOn

    async def close(self) -> None:
        """Let mails that are on their way go out."""
        if self.letters.mail_outbox is not None:
            await self.letters.mail_outbox.close()


def identity_for(settings: Settings, tenancy: Tenancy, system: AsyncEngine) -> Identity:
    """Return what the settings ask for; mails that wait are read as `system`."""
    key = settings.require("encryption_key")
    sealer, base = sealer_of(settings), base_url(settings)
    mailer = mailer_for(settings)
    mail_outbox = MailOutbox(system, sealer, mailer, _derived(key, b"mail")) if mailer else None
    letters = Letters(mail_outbox, base, load_mails())
    hashing, throttle = Hashing(), Throttle(tenancy, _derived(key, b"throttle"))
    accounts = Accounts(tenancy, hashing, throttle, letters, _sign_up(settings), found)
    sign_in = SignIn(tenancy, hashing, throttle)
    return Identity(
        base=base,
        guarded=settings.mode == "production",
        secret=_derived(key, b"csrf"),
        letters=letters,
        sessions=Sessions(tenancy),
        accounts=accounts,
        sign_in=sign_in,
        factor=SecondFactor(tenancy, sealer, throttle, accounts),
        acceptance=Acceptance(tenancy, hashing),
        sso=SingleSignOn(
            tenancy,
            OidcSettingsStore(tenancy, sealer),
            sign_in,
            Tokens(sealer),
            _provider,
            f"{base}/api/auth/oidc/callback",
        ),
    )


def base_url(settings: Settings) -> str:
    """Return where people reach Replik: `PUBLIC_URL`, or this machine."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def _sign_up(settings: Settings) -> Literal["open", "invited"]:
    return settings.sign_up or ("open" if settings.mode == "demo" else "invited")


def _provider(of: OidcSettings) -> Provider:
    return Provider(of.issuer, of.client_id, of.client_secret)


def _derived(key: str, purpose: bytes) -> bytes:
    return hmac.digest(bytes.fromhex(key), b"people:" + purpose, "sha256")
