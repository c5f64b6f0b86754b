"""Whether the service is alive, and each dependency by name with its latency."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import httpx
import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from foundation.settings import Settings
from serve.deps import ServicesDep
from serve.services import Services

router = APIRouter(prefix="/api/health", tags=["operators"])
log = structlog.get_logger()

_PATIENCE_S = 2.0
_LOOK_S = 5.0
_FAILURES = 6


class Part(BaseModel):
    ok: bool
    latency_ms: float


class Health(BaseModel):
    status: Literal["ok", "degraded", "down"]
    """`down` without the database; `degraded` without another part: chats are still accepted."""
    parts: dict[str, Part]


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer while the process runs."""
    return {"status": "ok"}


@router.get("")
async def health(services: ServicesDep, response: Response) -> Health:
    """Ask every dependency; 503 when the database is away."""
    checks: dict[str, Callable[[Services], Awaitable[None]]] = {
        "postgresql": _postgresql,
        "valkey": _valkey,
        "chroma": _chroma,
        "hosts": _hosts,
    }
    parts = dict(
        zip(
            checks, await asyncio.gather(*(_timed(check, services) for check in checks.values())), strict=True
        )
    )
    failed = {name for name, part in parts.items() if not part.ok}
    status: Literal["ok", "degraded", "down"] = (
        "down" if "postgresql" in failed else "degraded" if failed else "ok"
    )
    response.status_code = 503 if status == "down" else 200
    return Health(status=status, parts=parts)


async def front_door_ended(settings: Settings) -> str:
    """Return a sentence once the front door has not answered several times in a row."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    failures = 0
    async with httpx.AsyncClient(base_url=f"http://{host}:{settings.port}", timeout=_LOOK_S) as client:
        while failures < _FAILURES:
            await asyncio.sleep(_LOOK_S)
            try:
                (await client.get("/api/health/live")).raise_for_status()
                failures = 0
            except httpx.HTTPError:
                failures += 1
    return "The front door does not answer any more: start again; the last lines of the log say why."


async def _timed(check: Callable[[Services], Awaitable[None]], services: Services) -> Part:
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await check(services)
        ok = True
    except Exception as error:  # noqa: BLE001 - a health check reports whatever is wrong
        log.warning("unhealthy", check=check.__name__.strip("_"), error=type(error).__name__)
        ok = False
    return Part(ok=ok, latency_ms=round((time.perf_counter() - begun) * 1000, 1))


async def _postgresql(services: Services) -> None:
    async with services.tenancy.engine.connect() as connection:
        await connection.execute(text("select 1"))


async def _valkey(services: Services) -> None:
    await services.bus.ping()


async def _chroma(services: Services) -> None:
    async with httpx.AsyncClient() as client:
        url = str(services.settings.chroma_url).rstrip("/")
        (await client.get(f"{url}/api/v2/heartbeat")).raise_for_status()


async def _hosts(services: Services) -> None:
    async with services.tenancy.engine.connect() as connection:
        found = await connection.execute(
            text("select 1 from hosts where lease_until > clock_timestamp() limit 1")
        )
        if found.first() is None:
            raise LookupError("no host holds a lease")
