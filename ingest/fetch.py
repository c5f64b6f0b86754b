"""Fetch a web page for a tenant without becoming the tenant's way into our own network.

The name is resolved once, every address is judged, and the connection goes to that very address: a name that
resolves differently a moment later (DNS rebinding) gains nothing. Each redirect is judged anew.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import httpx

from foundation.addresses import Resolve, is_public, resolve
from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.robots import AGENT

_REDIRECTS: Final = 5
_SECONDS: Final = 20.0
_MAX_BYTES: Final = 10_000_000
_HEADERS: Final = {
    "User-Agent": f"{AGENT}/1.0",
    "Accept": "text/html,application/xhtml+xml,text/plain,text/markdown,application/pdf,*/*;q=0.1",
}


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave to ask it later whether a page has changed (RFC 9110, sections 8.8 and 13.1)."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of a request that is answered with 304 when nothing has changed."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value is not None}


NONE: Final = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came; `url` is where the redirects ended. No content: it has not changed."""

    url: str
    content: bytes | None
    validators: Validators = NONE


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches pages. `allow_private` is for tests that serve pages on this machine."""

    allow_private: bool = False
    resolve: Resolve = field(default=resolve)
    seconds: float = _SECONDS
    max_bytes: int = _MAX_BYTES

    async def __call__(self, url: str, known: Validators = NONE) -> Fetched:
        """Return the page at `url`, following at most five redirects, unless it is still the `known` one.

        Raises:
            ExtractionFailed: `bad_address`, `address_refused`, `too_large`, `gone` or `unreachable`.
        """
        try:
            async with asyncio.timeout(self.seconds), self._client() as client:
                return await self._follow(client, url, known)
        except UnicodeError:  # httpx itself looks at the name that a redirect leads to
            raise ExtractionFailed(reason=Reason.BAD_ADDRESS) from None
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError):
            raise ExtractionFailed(reason=Reason.UNREACHABLE) from None

    def _client(self) -> httpx.AsyncClient:
        # Proxies named in the environment would resolve names themselves, past our judgement.
        return httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=self.seconds, headers=_HEADERS
        )

    async def _follow(self, client: httpx.AsyncClient, start: str, known: Validators) -> Fetched:
        url = parse(start)
        for _ in range(_REDIRECTS + 1):
            async with client.stream(
                "GET",
                await self._pinned(url),
                headers={"Host": url.netloc.decode("ascii"), **known.headers()},
                # The certificate must be the name's, not the address's.
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            ) as response:
                if response.has_redirect_location:
                    url = parse(str(url.join(response.headers["Location"])))
                    continue
                if response.status_code == httpx.codes.NOT_MODIFIED and known != NONE:
                    return Fetched(str(url), None, known)
                if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
                    raise ExtractionFailed(reason=Reason.GONE)
                if response.is_error:  # who walks a site tells a closed door from a broken one
                    raise ExtractionFailed(reason=Reason.UNREACHABLE, status=response.status_code)
                response.raise_for_status()
                content = _as_utf8(await self._read(response), response)
                return Fetched(str(url), content, _validators(response))
        raise ExtractionFailed(reason=Reason.UNREACHABLE)

    async def _pinned(self, url: httpx.URL) -> httpx.URL:
        # As it is sent: decoding an international name and encoding it again may make it another one.
        host = url.raw_host.decode("ascii")
        addresses = await self.resolve(host, url.port or (443 if url.scheme == "https" else 80))
        if not addresses:
            raise ExtractionFailed(reason=Reason.UNREACHABLE)
        if not self.allow_private and not all(map(is_public, addresses)):
            raise ExtractionFailed(reason=Reason.ADDRESS_REFUSED)
        return url.copy_with(host=str(addresses[0]))

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for part in response.aiter_bytes():  # unpacked bytes: a compressed bomb counts in full
            content += part
            if len(content) > self.max_bytes:
                raise ExtractionFailed(reason=Reason.TOO_LARGE)
        return bytes(content)


def parse(url: str) -> httpx.URL:
    """Return a web address, parsed.

    Raises:
        ExtractionFailed: `bad_address` unless it is http(s) with a host and without user name or password.
    """
    try:
        parsed = httpx.URL(url.strip())
        host = parsed.host  # decodes an international name, which may not be one
        parsed.raw_host.decode("ascii").encode("idna")  # refuses labels that no resolver takes
    except (httpx.InvalidURL, ValueError):
        raise ExtractionFailed(reason=Reason.BAD_ADDRESS) from None
    if parsed.scheme not in {"http", "https"} or not host or parsed.userinfo or len(url) > 2000:
        raise ExtractionFailed(reason=Reason.BAD_ADDRESS)
    return parsed.copy_with(fragment=None)


def _validators(response: httpx.Response) -> Validators:
    longest = 1_000  # what nobody needs is not kept
    found = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
    return Validators(*(value if value and len(value) <= longest else None for value in found))


def _as_utf8(content: bytes, response: httpx.Response) -> bytes:
    """A character set that stands only in the header would be lost with it."""
    charset = response.charset_encoding
    if charset is None or charset.lower() in {"utf-8", "utf8", "us-ascii"}:
        return content
    if not response.headers.get("Content-Type", "").startswith(("text/", "application/xhtml")):
        return content
    try:
        return content.decode(charset, errors="replace").encode()
    except (LookupError, ValueError):  # Python's codecs are more than character sets, and some raise
        return content
