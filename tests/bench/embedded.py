"""The product's own embedded PostgreSQL and Valkey for a benchmark, without Ray and without Chroma."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from foundation.database.migrate import migrate
from foundation.database.roles import DATABASE, ensure_database
from foundation.settings import Settings
from foundation.stack.environment import child_environment
from foundation.stack.home import make_home
from foundation.stack.ports import free_ports
from foundation.stack.postgres import embedded_postgres
from foundation.stack.valkey import embedded_valkey
from tests.support.gateway import settings_for
from tests.support.running import short_home


@dataclass(frozen=True, slots=True)
class Embedded:
    """Running services with a migrated, empty database."""

    settings: Settings
    superuser_url: str = field(repr=False)
    """Of our database: only to fill it and to count in it."""


@asynccontextmanager
async def embedded() -> AsyncIterator[Embedded]:
    """Run the services on a fresh home for the length of the block."""
    with short_home() as home:
        make_home(home)
        environ = child_environment(os.environ)
        async with (
            embedded_postgres(home, environ) as postgres,
            embedded_valkey(home, free_ports(1)[0], environ) as valkey,
        ):
            urls = await ensure_database(postgres.superuser_url)
            await asyncio.to_thread(migrate, urls.migrator)
            settings = settings_for(urls, valkey.url, home, rate_limits="off")
            yield Embedded(settings, our_database(postgres.superuser_url))


def our_database(superuser_url: str) -> str:
    """Return the superuser's URL of our database; the one given names another of the same server."""
    return urlunsplit(urlsplit(superuser_url)._replace(path=f"/{DATABASE}"))
