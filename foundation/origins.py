"""Which pages may use a publishable key: origins, exact or with a `*` for the names below a domain."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.{_LABEL}(?:\.{_LABEL})+|{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])")
_PORTS = {"http": 80, "https": 443}


def origin_of(text: str) -> str:
    """Return an origin or a pattern of origins in its one form: small letters, no default port, no slash.

    Raises:
        ValueError: it is neither; the sentence says what is.
    """
    try:
        parts = urlsplit(text.strip().lower())
        host, port = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}"), parts.port
    except ValueError:
        raise ValueError(_WANTED) from None
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not plain or not _HOST.fullmatch(host):
        raise ValueError(_WANTED)
    return f"{parts.scheme}://{host}" + ("" if port in {None, _PORTS[parts.scheme]} else f":{port}")


_WANTED = "an origin is https://shop.example.com or https://*.example.com, without a path"


def is_allowed(origin: str, allowed: Collection[str]) -> bool:
    """Tell whether a browser's `Origin` is one of these; `https://*.example.com` has all names below it."""
    try:
        given = origin_of(origin)
    except ValueError:
        return False
    if "*" in given:
        return False
    return any(given == one or ("*" in one and _below(given, one)) for one in allowed)


def _below(origin: str, pattern: str) -> bool:
    scheme, _, rest = pattern.partition("*")
    return origin.startswith(scheme) and origin.endswith(rest) and len(origin) > len(scheme) + len(rest)
