"""Whether a service answers at its URL. Each check returns the seconds it took, or raises `StartError`."""

import time
from urllib.parse import urlsplit

import httpx
import psycopg
import redis.asyncio
import redis.exceptions

from foundation.errors import StartError

_WAIT_S = 5
_OLDEST_POSTGRES = 150000


async def reach_postgres(url: str, setting: str = "DATABASE_URL") -> float:
    """Connect and ask the version.

    Raises:
        StartError: there is no answer, the login is refused, or the server is older than 15.
    """
    begin = time.perf_counter()
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=_WAIT_S) as connection:
            version = connection.info.server_version
            await connection.execute("select 1")
    except psycopg.Error as error:
        raise StartError(_sentence(setting, "PostgreSQL", url, error)) from None
    if version < _OLDEST_POSTGRES:
        raise StartError(f"{setting} leads to PostgreSQL {version // 10000}: use version 15 or newer.")
    return time.perf_counter() - begin


async def reach_valkey(url: str, setting: str = "REDIS_URL") -> float:
    """Ping.

    Raises:
        StartError: there is no answer, or the login is refused.
    """
    begin = time.perf_counter()
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=_WAIT_S, socket_timeout=_WAIT_S)
    try:
        await client.ping()
    except (redis.exceptions.RedisError, OSError) as error:
        raise StartError(_sentence(setting, "Valkey or Redis", url, error)) from None
    finally:
        await client.aclose()
    return time.perf_counter() - begin


async def reach_chroma(url: str, setting: str = "CHROMA_URL") -> float:
    """Ask for the heartbeat.

    Raises:
        StartError: there is no answer, or it is not Chroma's.
    """
    begin = time.perf_counter()
    try:
        async with httpx.AsyncClient(timeout=_WAIT_S) as client:
            answer = await client.get(f"{url}/api/v2/heartbeat")
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StartError(_sentence(setting, "Chroma", url, error)) from None
    return time.perf_counter() - begin


def _sentence(setting: str, what: str, url: str, error: Exception) -> str:
    """Name the place without the password, and the kind of failure without the other side's words."""
    parts = urlsplit(url)
    place = f"{parts.hostname or 'the socket'}{f':{parts.port}' if parts.port else ''}"
    text = str(error).lower()
    refused = any(word in text for word in ("password", "authenticat", "does not exist"))
    if refused:
        return f"{setting} is refused by {what} at {place}: correct the user, password or database in it."
    return f"{setting} leads to {place}, where no {what} answers: start it, or correct {setting}."
