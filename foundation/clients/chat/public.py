"""Connections for models that tenants name: to public addresses only, judged at each request."""

from typing import Final

import httpx2

from foundation.addresses import Resolve, is_public, resolve
from foundation.errors import ModelFailed

_PORTS: Final = {"http": 80, "https": 443}


class PublicTransport(httpx2.AsyncBaseTransport):
    """Resolves the name itself and connects to the very address that it has judged."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, resolved: Resolve = resolve) -> None:
        self._inner = inner
        self._resolve = resolved

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request.

        Raises:
            ModelFailed: `address_refused` when the name leads, with any of its addresses, into a private
                network; `connection` when it leads nowhere.
        """
        host = request.url.raw_host.decode("ascii")
        try:
            addresses = await self._resolve(host, request.url.port or _PORTS[request.url.scheme])
        except (OSError, UnicodeError) as error:
            raise ModelFailed(reason="connection") from error
        if not addresses:
            raise ModelFailed(reason="connection")
        if not all(map(is_public, addresses)):
            raise ModelFailed(reason="address_refused")
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=str(addresses[0])),
            headers=request.headers,  # `Host` is the name's
            stream=request.stream,
            # The certificate must be the name's, not the address's.
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def public_client() -> httpx2.AsyncClient:
    """Return a client that follows no redirects, and no proxies, which would resolve names themselves."""
    return httpx2.AsyncClient(
        transport=PublicTransport(httpx2.AsyncHTTPTransport(trust_env=False)),
        trust_env=False,
        follow_redirects=False,
    )
