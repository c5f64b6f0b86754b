"""An identity provider on this machine: discovery, PKCE, codes that count once, tokens signed with RS256."""

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ISSUER = "https://login.example"
CLIENT_ID = "replik"
CLIENT_SECRET = "provider's secret"


@dataclass
class OidcServer:
    """Vouches for `person`; what else its tokens say and who signs them can be falsified."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Over what the token should say."""
    discovery: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    signs: RSAKey | OctKey | None = None
    paths: list[str] = field(default_factory=list)
    _asked: dict[str, dict[str, str]] = field(default_factory=dict)

    async def configuration(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        told = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        return JSONResponse(told | self.discovery)

    async def keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._asked)}"
        self._asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", status_code=302)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self._asked.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if (
            request.headers.get("authorization") != f"Basic {basic}"
            or asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        said = {name: value for name, value in (claims | self.person | self.claims).items() if value != ""}
        signs = self.signs or self.key
        alg = "HS256" if isinstance(signs, OctKey) else "RS256"
        signed = jwt.encode({"alg": alg, "kid": "1"}, said, signs)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})


class Detour(httpx2.AsyncBaseTransport):
    """Leads what is meant for the issuer to the server on this machine, over real HTTP."""

    def __init__(self, server: OidcServer) -> None:
        self._server = server
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url).startswith(f"{ISSUER}/")
        here = httpx2.URL(self._server.url).copy_with(raw_path=request.url.raw_path)
        redirected = httpx2.Request(request.method, here, headers=request.headers, stream=request.stream)
        return await self._inner.handle_async_request(redirected)

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def oidc_server() -> AsyncIterator[OidcServer]:
    """Yield one on a free port of the loopback, on this event loop."""
    provider = OidcServer()
    listener = socket.create_server(("127.0.0.1", 0))
    provider.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.configuration),
            Route("/keys", provider.keys),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
        ]
    )
    engine = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
    )
    serving = asyncio.create_task(engine.serve(sockets=[listener]))
    try:
        yield provider
    finally:
        engine.should_exit = True
        await serving
