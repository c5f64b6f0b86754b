"""An OpenID Connect provider: where to send a person, and who it says came back.

Authorization code flow with PKCE. Its address is a tenant's choice, so every connection goes through the
address rule, redirects are not followed, and answers are small.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from foundation.clients.chat.public import PublicTransport
from foundation.errors import ReplikError

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures by a key of the provider alone: never `none`, never HMAC with a secret that we know too."""
_LARGEST: Final = 512 * 1024
_LEEWAY_S: Final = 60
_PATIENCE_S: Final = 10.0
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderFailed(ReplikError):
    """The identity provider did not answer as it should."""

    code = "provider_failed"
    status = 502


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the provider, to be compared with what comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who the provider says it is."""

    subject: str
    email: str
    email_verified: bool
    """Some never say; then the tenant's word for its own provider stands."""
    name: str


def public_transport() -> httpx2.AsyncBaseTransport:
    """Return connections to the open internet only."""
    return PublicTransport(httpx2.AsyncHTTPTransport(trust_env=False))


@dataclass(frozen=True, slots=True)
class Provider:
    """One tenant's provider, known to it as `client_id`."""

    issuer: str
    client_id: str
    client_secret: str
    transport: Callable[[], httpx2.AsyncBaseTransport] = public_transport
    now: Callable[[], float] = time.time

    async def start(self, asked: Asked, redirect_uri: str) -> str:
        """Return where the person's browser goes to sign in.

        Raises:
            ProviderFailed: `reason` is `unreachable`, `discovery` or `address_refused`.
        """
        async with self._client(redirect_uri) as client:
            found = await self._discovered(client)
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"],
                state=asked.state,
                nonce=asked.nonce,
                code_verifier=asked.verifier,
            )
            return str(url)

    async def finish(self, asked: Asked, code: str, redirect_uri: str) -> Vouched:
        """Exchange a code for an ID token and return who that vouches for, once all of it is checked.

        Raises:
            ProviderFailed: `reason` is one of `start`'s, `code` when it refuses the code, or `id_token` when
                signature, issuer, audience, time or nonce are not as they must be.
        """
        async with self._client(redirect_uri) as client:
            found = await self._discovered(client)
            try:
                token = await client.fetch_token(
                    found["token_endpoint"],
                    code=code,
                    code_verifier=asked.verifier,
                    grant_type="authorization_code",
                )
            except (AuthlibBaseError, ValueError, KeyError, TypeError) as error:
                raise ProviderFailed(reason="code") from error
            except httpx2.HTTPError as error:
                raise ProviderFailed(reason="unreachable") from error
            keys = await self._json(client, found["jwks_uri"])
        id_token = token.get("id_token") if isinstance(token, dict) else None
        if not isinstance(id_token, str):
            raise ProviderFailed(reason="id_token")
        return self._checked(id_token, keys, asked.nonce, token.get("access_token"))

    def _client(self, redirect_uri: str) -> Any:
        return AsyncOAuth2Client(
            self.client_id,
            self.client_secret,
            scope="openid email profile",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            transport=_Judged(self.transport()),
            trust_env=False,
            follow_redirects=False,
            timeout=_PATIENCE_S,
        )

    async def _discovered(self, client: Any) -> dict[str, str]:
        found = await self._json(client, f"{self.issuer}/.well-known/openid-configuration")
        endpoints = {name: found.get(name) for name in _ENDPOINTS}
        scheme = urlsplit(self.issuer).scheme
        # A provider that is reached safely does not send secrets and people over plain HTTP.
        if str(found.get("issuer", "")).rstrip("/") != self.issuer or not all(
            isinstance(url, str) and urlsplit(url).scheme in {scheme, "https"} for url in endpoints.values()
        ):
            raise ProviderFailed(reason="discovery")
        return {name: str(url) for name, url in endpoints.items()}

    async def _json(self, client: Any, url: str) -> dict[str, Any]:
        try:
            response = await client.request("GET", url, withhold_token=True)
            response.raise_for_status()
            found = response.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, AuthlibBaseError) as error:
            raise ProviderFailed(reason="unreachable") from error
        except ValueError as error:
            raise ProviderFailed(reason="discovery") from error
        if not isinstance(found, dict):
            raise ProviderFailed(reason="discovery")
        return found

    def _checked(self, id_token: str, keys: Any, nonce: str, access_token: Any) -> Vouched:
        try:
            decoded = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)
            claims: Any = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._issuer_in(decoded.claims)},
                    "aud": {"essential": True, "value": self.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": self.client_id, "access_token": access_token},
            )
            claims.validate(now=int(self.now()), leeway=_LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, KeyError, TypeError) as error:
            raise ProviderFailed(reason="id_token") from error
        email = claims.get("email")
        return Vouched(
            subject=str(claims["sub"]),
            email=email if isinstance(email, str) else "",
            email_verified=claims.get("email_verified", True) in (True, "true"),
            name=str(claims.get("name") or ""),
        )

    def _issuer_in(self, claims: dict[str, Any]) -> str:
        """Return the issuer with the slash at the end that some providers' names have."""
        return f"{self.issuer}/" if claims.get("iss") == f"{self.issuer}/" else self.issuer


class _Judged(httpx2.AsyncBaseTransport):
    """Says as a provider's failure what the address rule refuses, and holds answers to a size."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
            content = bytearray()
            async for part in response.stream:  # type: ignore[union-attr]
                content += part
                if len(content) > _LARGEST:
                    raise ProviderFailed(reason="too_large")
        except ProviderFailed:
            raise
        except ReplikError as error:
            raise ProviderFailed(reason=str(error.data.get("reason", "unreachable"))) from error
        await response.aclose()
        return httpx2.Response(
            response.status_code, headers=response.headers, content=bytes(content), request=request
        )

    async def aclose(self) -> None:
        await self._inner.aclose()
