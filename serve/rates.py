"""How many requests: per tenant, key, person, visitor and address, counted in one trip a request."""

import math
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.stream import Address
from foundation.clients.limits.port import HOUR_S, Allowance, Verdict
from foundation.errors import DependencyUnavailable, RateLimited, ReplikError
from foundation.ids import VisitorId
from foundation.permissions import Principal
from foundation.proxies import Proxies, neighbourhood
from foundation.tenancy import KeyOwner
from serve.access import ROUTES
from serve.ingress import has_own_proxy
from serve.problems import problem
from serve.services import Services

_AUTH: Final = "/api/auth/"
_UNKNOWN: Final = frozenset({"nothing", "mailed token"})
SIGN_IN: Final = frozenset({f"{_AUTH}second-factor"}) | frozenset(
    path
    for path, shown in ((route.partition(" ")[2], shown) for route, shown in ROUTES.items())
    if path.startswith(_AUTH) and shown in _UNKNOWN
)
"""Where secrets could be guessed, or mails sent to strangers."""

_STATE = "rates"


async def limit_key(connection: HTTPConnection, services: Services, owner: KeyOwner) -> None:
    """Count a request with a key against the key's and the tenant's allowance.

    Raises:
        RateLimited: one of them is used up.
        DependencyUnavailable: nobody counts, and the settings want it refused then.
    """
    per_key = owner.requests_per_minute or services.settings.rate_per_key
    await _take(
        connection,
        services,
        owner.tenant_id.hex,
        [Allowance("key", owner.key_id.hex, per_key), _of_tenant(services, owner.tenant_id.hex)],
    )


async def limit_person(connection: HTTPConnection, services: Services, who: Principal) -> None:
    """Count a request of somebody who is signed in against their own and the tenant's allowance.

    Raises:
        RateLimited, DependencyUnavailable: as `limit_key`.
    """
    tenant = who.tenant_id.hex
    own = Allowance("person", who.actor, services.settings.rate_per_key)
    await _take(connection, services, tenant, [own, _of_tenant(services, tenant)])


async def limit_start(connection: HTTPConnection, services: Services, owner: KeyOwner) -> None:
    """Count the start of a conversation against the address's, the key's and the tenant's allowance.

    Raises:
        RateLimited, DependencyUnavailable: as `limit_key`.
    """
    per_key = owner.requests_per_minute or services.settings.rate_per_key
    who = neighbourhood(client_address(connection.scope, services))
    per_hour = (await services.own_limits.of(owner.tenant_id)).get("conversations_per_hour")
    own = [Allowance("conversations", who, per_hour, HOUR_S)] if per_hour else []
    await _take(
        connection,
        services,
        owner.tenant_id.hex,
        [
            *own,
            Allowance("address", who, services.settings.rate_per_address),
            Allowance("key", owner.key_id.hex, per_key),
            _of_tenant(services, owner.tenant_id.hex),
        ],
    )


async def limit_visitor(
    connection: HTTPConnection,
    services: Services,
    address: Address,
    visitor_id: VisitorId,
    *,
    says: bool = False,
) -> None:
    """Count a visitor's request, and what they say, against the visitor's and the tenant's allowance.

    Raises:
        RateLimited, DependencyUnavailable: as `limit_key`.
    """
    limits = await services.own_limits.of(address.tenant_id) if says else {}
    per_minute = limits.get("messages_per_minute")
    await _take(
        connection,
        services,
        address.tenant_id.hex,
        [
            *([Allowance("messages", visitor_id.hex, per_minute)] if per_minute else []),
            Allowance("visitor", visitor_id.hex, services.settings.rate_per_visitor),
            _of_tenant(services, address.tenant_id.hex),
        ],
    )


def client_address(scope: Scope, services: Services) -> str:
    """Return the address of whoever sent the request, as far as it can be known."""
    peer = scope["client"][0] if scope.get("client") else ""
    forwarded = Headers(scope=scope).getlist("x-forwarded-for")
    settings = services.settings
    return Proxies.of(settings.trusted_proxies, own=has_own_proxy(settings)).client(peer, forwarded)


def rate_headers(scope: Scope) -> dict[str, str]:
    """Return the headers that say what is left, as in the IETF's draft on RateLimit fields."""
    verdicts: Sequence[Verdict] = scope.get("state", {}).get(_STATE, ())
    if not verdicts:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{one.name}";q={one.most};w={one.window_s}' for one in (each.allowance for each in verdicts)
        ),
        "RateLimit": ", ".join(
            f'"{one.allowance.name}";r={one.remaining};t={math.ceil(one.full_in_s)}' for one in verdicts
        ),
    }


class SignInRates:
    """Counts by address what comes before anybody is known; while nobody counts it is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/") in SIGN_IN:
            try:
                await self._count(scope)
            except ReplikError as error:
                await problem(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _count(self, scope: Scope) -> None:
        services: Services = scope["app"].state.services
        who = neighbourhood(client_address(scope, services))
        allowance = Allowance("sign-in", who, services.settings.rate_sign_in)
        await _take(HTTPConnection(scope), services, "sign-in", [allowance], guarded=True)


def _of_tenant(services: Services, tenant: str) -> Allowance:
    return Allowance("tenant", tenant, services.settings.rate_per_tenant)


async def _take(
    connection: HTTPConnection,
    services: Services,
    scope: str,
    allowances: Sequence[Allowance],
    *,
    guarded: bool = False,
) -> None:
    settings = services.settings
    if settings.rate_limits == "off":
        return
    try:
        verdicts = await services.limits.take(scope, allowances)
    except DependencyUnavailable:
        if settings.rate_limits_away == "closed" or (guarded and settings.rate_limits_away != "open"):
            raise
        return
    setattr(connection.state, _STATE, verdicts)
    refused = max(verdicts, key=lambda one: one.retry_after_s)
    if refused.retry_after_s > 0:
        raise RateLimited(limit=refused.allowance.name, retry_after_s=math.ceil(refused.retry_after_s))
