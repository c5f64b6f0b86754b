"""What no single setting shows: combinations that cannot work, and secrets too weak for production."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    from foundation.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts by which only this machine reaches the front door."""

_DATABASES = ("database_url", "database_migrator_url", "database_worker_url", "database_system_url")
_SHORTEST_PASSWORD = 12
_COMMON = frozenset(
    {"password", "postgres", "replik", "changeme", "change-me", "secret", "admin", "redis", "valkey"}
)
"""What passwords in examples are; also with a number behind."""


def env_name(field: str) -> str:
    """Return a field's name in the environment: `REPLIK_PORT` for `port`, else the same in upper case."""
    return f"REPLIK_{field.upper()}" if field in {"home", "host", "port", "mode"} else field.upper()


def gaps(settings: "Settings") -> Iterator[str]:
    """Yield a sentence for each combination that cannot work."""
    missing = [env_name(field) for field in _DATABASES if getattr(settings, field) is None]
    if 0 < len(missing) < len(_DATABASES):
        yield f"{missing[0]} is not set: set all of {', '.join(map(env_name, _DATABASES))}, or none of them."
    azure = settings.azure_openai_endpoint is not None
    key = "azure_openai_api_key" if azure else "openai_api_key"
    for field in ("llm_provider", "embedding_provider"):
        outside = settings.openai_base_url == "https://api.openai.com/v1" or azure
        if getattr(settings, field) == "openai" and outside and getattr(settings, key) is None:
            name = env_name(field)
            yield f"{name} is openai but {env_name(key)} is not set: set it, or clear {name}."
    if azure and settings.llm_provider == "openai" and not settings.azure_openai_deployment:
        yield "AZURE_OPENAI_DEPLOYMENT is not set: name the deployment that writes answers."
    yield from _fallback_gaps(settings)
    embedded = [f for f in ("database_url", "redis_url", "chroma_url") if getattr(settings, f) is None]
    if settings.ray_address is not None and embedded:
        name = env_name(embedded[0])
        yield f"RAY_ADDRESS is set but {name} is not: set it, since a cluster cannot reach embedded services."
    for field in ("host_replicas", "gateway_replicas"):
        most = getattr(settings, f"{field}_max")
        if most is not None and most < getattr(settings, field):
            name = env_name(field)
            yield f"{name}_MAX is less than {name}: raise it, or clear it for a fixed number."
    if settings.ingress == "haproxy" and settings.mode == "demo" and settings.host in LOOPBACK:
        yield (
            "INGRESS is haproxy, which listens on all interfaces, but REPLIK_HOST is this machine only: "
            "clear INGRESS, or set REPLIK_HOST to 0.0.0.0."
        )
    yield from _mail_gaps(settings)
    if settings.mode == "production":
        yield from _production_gaps(settings)


def _mail_gaps(settings: "Settings") -> Iterator[str]:
    if settings.smtp_host is not None and settings.smtp_from is None:
        yield "SMTP_HOST is set but SMTP_FROM is not: set the address that mails come from, or clear both."


def _fallback_gaps(settings: "Settings") -> Iterator[str]:
    if "extractive" in settings.llm_fallbacks[:-1]:
        yield "LLM_FALLBACKS has names after extractive, which always answers: put it last."
    outside = settings.openai_base_url == "https://api.openai.com/v1"
    needs = {
        "openai": ("openai_api_key",) if outside else (),
        "azure": ("azure_openai_endpoint", "azure_openai_api_key"),
        "compatible": ("compatible_base_url",),
    }
    for name in settings.llm_fallbacks:
        for field in needs.get(name.partition(":")[0], ()):
            if getattr(settings, field) is None:
                yield f"LLM_FALLBACKS names {name} but {env_name(field)} is not set: set it, or drop it."


def _production_gaps(settings: "Settings") -> Iterator[str]:
    if settings.encryption_key is None:
        yield "ENCRYPTION_KEY is not set: production needs 64 hex digits, made with `openssl rand -hex 32`."
    elif len(set(settings.encryption_key.get_secret_value().lower())) < 10:
        # A random key of 64 hex digits has fewer than 10 different ones once in about 10^8 keys.
        yield "ENCRYPTION_KEY is too simple: make a random one with `openssl rand -hex 32`."
    if settings.public_url is None or not settings.public_url.startswith("https://"):
        yield "PUBLIC_URL must be set and begin with https:// in production: give the address customers use."
    for field in ("cron_secret", "metrics_token"):
        secret: SecretStr | None = getattr(settings, field)
        if secret is not None and len(secret.get_secret_value()) < 24:
            name = env_name(field)
            yield f"{name} is too short: use at least 24 characters, for example `openssl rand -hex 32`."
    for field in (*_DATABASES, "redis_url"):
        url: SecretStr | None = getattr(settings, field)
        if url is not None:
            yield from _weak_url(env_name(field), url.get_secret_value())
    if settings.smtp_password is not None and _is_weak(settings.smtp_password.get_secret_value()):
        yield "SMTP_PASSWORD is a default or too short: use the one that the mail server's owner gave you."
    if settings.rate_limits == "off":
        yield "RATE_LIMITS is off, which is for load tests: clear it."


def _weak_url(name: str, url: str) -> Iterator[str]:
    """A service that others can reach over the network needs a password worth the name."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = (query.get("host") or [parts.hostname or ""])[0]
    if parts.scheme == "unix" or host.startswith("/") or not host:
        return  # a socket, which the operating system guards
    password = unquote(parts.password or "") or (query.get("password") or [""])[0]
    if not password:
        proven = bool(query.get("sslcert"))  # who shows a certificate needs no password
        if not proven and (host not in LOOPBACK or not parts.scheme.startswith("redis")):
            yield f"{name} has no password, but goes over the network: give the server one and put it there."
    elif _is_weak(password) or password == parts.username:
        yield f"{name} has a default or short password: use at least {_SHORTEST_PASSWORD} random characters."


def _is_weak(password: str) -> bool:
    return len(password) < _SHORTEST_PASSWORD or password.lower().strip("0123456789!_-") in _COMMON
