"""The real front door on a real socket, with a scripted agent behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import uvicorn
from pydantic import SecretStr

from agents.assembly import Assembled, assemble
from agents.stream import Address
from agents.waker import LocalWaker, Waker
from foundation.database.models import ApiKey
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId, new_uuid
from foundation.settings import Settings
from foundation.tenancy import Tenancy, hash_key
from serve.app import create_app
from serve.assembly import open_services
from serve.services import Services
from tests.support.scripted import Room, room


@dataclass(frozen=True)
class FrontDoor:
    client: httpx.AsyncClient
    services: Services
    room: Room
    url: str


def settings_for(urls: DatabaseUrls, redis_url: str, home: Path, **changes: object) -> Settings:
    """Return complete settings for services that run already."""
    return Settings.load({}).evolve(
        home=home,
        database_url=SecretStr(urls.app),
        database_migrator_url=SecretStr(urls.migrator),
        database_worker_url=SecretStr(urls.worker),
        database_system_url=SecretStr(urls.system),
        redis_url=SecretStr(redis_url),
        encryption_key=SecretStr("5e" * 32),
        **{"chroma_url": "http://127.0.0.1:9", **changes},  # where nobody listens, unless a test asks
    )


async def add_key(tenancy: Tenancy, tenant_id: TenantId, kind: str, *, origins: tuple[str, ...] = ()) -> str:
    """Create an API key; return it."""
    key = f"{'sk' if kind == 'server' else 'pk'}_{new_uuid().hex}"
    async with tenancy.session(tenant_id) as session:
        session.add(
            ApiKey(
                tenant_id=tenant_id,
                id=new_uuid(),
                kind=kind,
                prefix=key[:7],
                hash=hash_key(key),
                allowed_origins=list(origins),
            )
        )
    return key


class _LateWaker:
    """Stands in until the host is there; both need the other."""

    def __init__(self) -> None:
        self.behind: Waker | None = None

    async def wake(self, address: Address) -> None:
        assert self.behind is not None
        await self.behind.wake(address)


@asynccontextmanager
async def front_door(settings: Settings) -> AsyncIterator[FrontDoor]:
    """Serve the app on a free port."""
    waker = _LateWaker()
    async with open_services(settings, waker) as services, room(services.tenancy, services.bus) as behind:
        waker.behind = behind.waker
        async with _served(services) as (client, url):
            yield FrontDoor(client, services, behind, url)


@dataclass(frozen=True)
class OpenShop:
    """The front door with a real agent behind it, built from the settings."""

    client: httpx.AsyncClient
    services: Services
    assembled: Assembled
    url: str


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncIterator[OpenShop]:
    """Serve the app on a free port, with a host as `replik run` has it."""
    waker = _LateWaker()
    assembled = await assemble(settings)
    waker.behind = LocalWaker(assembled.host)
    try:
        async with open_services(settings, waker) as services, _served(services) as (client, url):
            yield OpenShop(client, services, assembled, url)
    finally:
        await assembled.close(5)


class _Premises:
    """An app that one test after the other moves into: building its routes takes longer than most tests."""

    def __init__(self) -> None:
        self.services: Services | None = None
        self.app = create_app(self._opened)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Services]:
        assert self.services is not None
        yield replace(self.services)

    def clear(self) -> None:
        """What middleware has counted and remembered goes with the tenant."""
        self.app.middleware_stack = None


_vacant: list[_Premises] = []


@asynccontextmanager
async def _served(services: Services) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    premises = _vacant.pop() if _vacant else _Premises()
    premises.services = services
    server = uvicorn.Server(
        uvicorn.Config(
            premises.app, port=0, log_level="warning", timeout_graceful_shutdown=1, proxy_headers=False
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield client, url
    server.should_exit = True
    await serving
    premises.clear()
    _vacant.append(premises)
