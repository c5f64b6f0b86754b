"""What commands do beside a running Replik on its services, or with services of their own."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foundation.api_keys import new_key
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import ensure_database
from foundation.errors import StartError
from foundation.ids import show
from foundation.plans import PlanName, choose
from foundation.settings import Settings
from foundation.stack.embedded import open_stack
from foundation.stack.home import with_secrets
from foundation.stack.runfile import RunFile
from foundation.tenancy import Tenancy
from ingest.cli_import import import_folder
from ingest.erase import Eraser, delete_tenant
from serve.assembly import files_root
from serve.local_ray import connected_ray
from serve.run import open_ingestion
from serve.seed import seed
from serve.tenants import add_key, create_tenant


async def import_into(
    settings: Settings, environ: Mapping[str, str], folder: Path, slug: str
) -> dict[str, Any]:
    """Import a folder into the tenant with this short name; return the summary.

    Raises:
        StartError: there is no such tenant, or a service does not start.
    """
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")), sealer_of(running))
        try:
            tenant_id = await tenancy.tenant_of_slug(slug)
        finally:
            await tenancy.close()
        if tenant_id is None:
            raise StartError(f"There is no tenant {slug!r}: give the short name of one, for example own.")
        with connected_ray(running, purpose=f"import-{os.getpid()}"):
            async with open_ingestion(running) as ingestion:
                return await import_folder(folder, ingestion, tenant_id)


async def make_tenant(
    settings: Settings, environ: Mapping[str, str], slug: str, name: str, language: str
) -> dict[str, str]:
    """Make a tenant; return its id and its two keys, which are shown this once.

    Raises:
        StartError: the short name is taken, or a service does not start.
    """
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")), sealer_of(running))
        try:
            if await tenancy.tenant_of_slug(slug) is not None:
                raise StartError(f"There is a tenant {slug!r} already: choose another short name.")
            tenant_id = await create_tenant(tenancy, slug=slug, name=name, language=language, actor="cli")
            server, publishable = new_key("server"), new_key("publishable")
            async with tenancy.session(tenant_id) as session:
                await add_key(session, tenant_id, "server", server, actor="cli")
                await add_key(session, tenant_id, "publishable", publishable, actor="cli")
        finally:
            await tenancy.close()
    return {"tenant_id": show("tenant", tenant_id), "server_key": server, "widget_key": publishable}


async def delete_tenant_of(settings: Settings, environ: Mapping[str, str], slug: str) -> dict[str, int]:
    """Delete a tenant at once, without waiting for a worker; return what a check found left, by kind.

    Raises:
        StartError: there is no such tenant, or a service does not start.
    """
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")), sealer_of(running))
        try:
            tenant_id = await tenancy.tenant_of_slug(slug)
            if tenant_id is None:
                raise StartError(f"There is no tenant {slug!r}.")
            erasure = await delete_tenant(tenancy, tenant_id)
            files, vectors = FsspecStore(files_root(running)), ChromaIndex(running.require("chroma_url"))
            return asdict(await Eraser(tenancy, files, vectors).run(tenant_id, erasure))
        finally:
            await tenancy.close()


async def change_plan(
    settings: Settings, environ: Mapping[str, str], slug: str, plan: PlanName
) -> dict[str, str]:
    """Put a tenant on a plan; return what it is on now.

    Raises:
        StartError: there is no such tenant, or a service does not start.
    """
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")))
        try:
            tenant_id = await tenancy.tenant_of_slug(slug)
            if tenant_id is None:
                raise StartError(f"There is no tenant {slug!r}.")
            async with tenancy.session(tenant_id) as session:
                await choose(session, tenant_id, plan, actor="cli")
        finally:
            await tenancy.close()
    return {"tenant_id": show("tenant", tenant_id), "plan": plan}


@asynccontextmanager
async def services(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Settings]:
    """Yield settings with the services of a running Replik, or with services started for the block."""
    found = RunFile.read(settings.home)
    if found is not None:
        yield with_secrets(settings.evolve(**found.urls))
        return
    async with open_stack(settings, environ, ensure_database) as stack:
        running = stack.settings
        await asyncio.to_thread(migrate, running.require("database_migrator_url"))
        if running.mode == "demo":
            tenancy = Tenancy(connect(running.require("database_url")), sealer_of(running))
            await seed(tenancy, running)
            await tenancy.close()
        yield running
