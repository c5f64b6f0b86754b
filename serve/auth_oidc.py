"""Routes by which a browser goes to a tenant's own provider and comes back signed in."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from foundation.errors import ReplikError, Unauthorized
from foundation.identity.errors import SsoRefused
from foundation.identity.single_sign_on import LASTS_S
from serve import session
from serve.deps import ServicesDep
from serve.services import Services

log = structlog.get_logger()

_COOKIE = "replik_oidc"
Text = Annotated[str, Query(max_length=4096)]

router = APIRouter(prefix="/api/auth/oidc", tags=["sign-in"])


@router.get("/start", status_code=303, response_class=RedirectResponse)
async def start(
    services: ServicesDep, tenant: Annotated[str, Query(pattern="^[a-z0-9-]{1,63}$")]
) -> RedirectResponse:
    """Send the browser to the provider of the tenant with this short name."""
    identity = services.identity
    started = await identity.sso.start(tenant)
    response = _to(started.address)
    session.set_cookie(response, identity, _COOKIE, started.kept, int(LASTS_S))
    return response


@router.get("/callback", status_code=303, response_class=RedirectResponse)
async def callback(
    request: Request, services: ServicesDep, state: Text = "", code: Text = "", error: Text = ""
) -> RedirectResponse:
    """Take the browser back from the provider: with a session, or to the sign-in page with the reason."""
    identity = services.identity
    try:
        token = await _finished(request, services, state, code, error)
    except ReplikError as refused:
        log.warning("oidc_refused", code=refused.code, **refused.data)
        response = _to(f"{identity.base}/admin/sign-in#error={refused.code}")
    else:
        response = _to(f"{identity.base}/admin/")
        session.keep(response, identity, token)
    session.forget(response, identity, _COOKIE)
    return response


async def _finished(request: Request, services: Services, state: str, code: str, error: str) -> str:
    identity = services.identity
    kept = request.cookies.get(session.cookie_name(identity, _COOKIE))
    if not kept:
        raise Unauthorized()
    if error or not code:
        raise SsoRefused(reason="provider")
    return await identity.sso.finish(kept, state, code, session.client_of(request, services))


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
