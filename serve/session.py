"""A person's session in a browser: the cookie, and proof that a change comes from the session's own page."""

import hmac
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from foundation.errors import Forbidden, Unauthorized
from foundation.identity.errors import CsrfRefused, SecondFactorNeeded
from foundation.identity.sessions import LIFETIME, Client, SignedIn
from foundation.permissions import Principal
from serve.identity import Identity
from serve.rates import client_address
from serve.services import Services

HEADER: Final = "x-csrf-token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST: Final = 128


def cookie_name(identity: Identity, name: str = "replik_session") -> str:
    """Return a cookie's name: in production with the prefix by which browsers hold it to this host."""
    return f"__Host-{name}" if identity.guarded else name


def keep(response: Response, identity: Identity, token: str) -> None:
    """Give a session's token to the browser."""
    set_cookie(response, identity, "replik_session", token, int(LIFETIME.total_seconds()))


def forget(response: Response, identity: Identity, name: str = "replik_session") -> None:
    """Take a cookie back."""
    set_cookie(response, identity, name, "", 0)


def set_cookie(response: Response, identity: Identity, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads and no other site's form sends."""
    response.set_cookie(
        cookie_name(identity, name),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=identity.guarded,
    )


def csrf_token(identity: Identity, token: str) -> str:
    """Return what a session's own page shows with every change; it ends with the session's token."""
    return hmac.digest(identity.secret, token.encode(), "sha256").hex()


def token_of(request: Request, identity: Identity) -> str | None:
    """Return the token that the browser shows, if it is of a token's length."""
    token = request.cookies.get(cookie_name(identity))
    return token if token and len(token) <= _LONGEST else None


async def signed_in(request: Request, identity: Identity, *, owing: bool = False) -> SignedIn:
    """Return who is signed in.

    Raises:
        Unauthorized: nobody.
        SecondFactorNeeded: they have shown the password only; not if `owing` is allowed.
        CsrfRefused: a change was asked for from elsewhere than the session's own page.
    """
    token = token_of(request, identity)
    who = None if token is None else await identity.sessions.of_token(token)
    if who is None or token is None:
        raise Unauthorized()
    if request.method not in _SAFE:
        require_own_page(request, identity)
        shown = request.headers.get(HEADER, "")
        if not hmac.compare_digest(shown.encode(), csrf_token(identity, token).encode()):
            raise CsrfRefused(reason="token")
    if who.factor_owed and not owing:
        raise SecondFactorNeeded()
    return who


def principal(who: SignedIn) -> Principal:
    """Return what a person may do in the tenant they work in.

    Raises:
        Forbidden: they work in none.
    """
    if who.tenant_id is None:
        raise Forbidden(reason="no_tenant")
    return Principal(who.tenant_id, who.actor, who.permissions, who.person_id)


def require_own_page(request: Request, identity: Identity) -> None:
    """Raises: CsrfRefused when the browser says that another site's page asks."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    try:
        asking = urlsplit(origin).netloc
    except ValueError:
        asking = ""
    if not asking or asking not in {request.headers.get("host"), urlsplit(identity.base).netloc}:
        raise CsrfRefused(reason="origin")


def client_of(request: Request, services: Services) -> Client:
    """Return where a request comes from, behind the proxies that are known."""
    return Client(request.headers.get("user-agent", "")[:500], client_address(request.scope, services))
