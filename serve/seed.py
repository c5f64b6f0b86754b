"""Demo mode's tenants: made once, found again at every later start."""

from pathlib import Path

import yaml

from foundation.api_keys import KeyKind
from foundation.ids import TenantId
from foundation.settings import ROOT, Settings
from foundation.tenancy import Tenancy
from ingest.sources import Sources
from serve.demo import OWN, OWNER_EMAIL, SHOP, DemoTenant, demo_key, demo_password
from serve.persons import WantedPerson, place_person
from serve.tenants import add_key, create_tenant

DOCUMENTS = ROOT / "configs" / "demo" / "documents.yaml"


async def seed(tenancy: Tenancy, settings: Settings) -> dict[str, TenantId]:
    """Make the demo tenants where they are missing; return their ids by slug."""
    tenants = {demo.slug: await _tenant(tenancy, settings, demo) for demo in (SHOP, OWN)}
    wanted = WantedPerson(OWNER_EMAIL, "Demo", demo_password(settings), "owner")
    for tenant_id in tenants.values():
        # Also at later starts: with another ENCRYPTION_KEY the password is another.
        await place_person(tenancy, tenant_id, wanted, actor="demo", resets=True)
    return tenants


async def add_demo_documents(sources: Sources, tenant_id: TenantId) -> int:
    """Queue the demo shop's documents that it does not have yet; return how many."""
    known = await sources.known_files(tenant_id)
    listed = yaml.safe_load(DOCUMENTS.read_text(encoding="utf-8"))["documents"]
    new = [path for path in (DOCUMENTS.parent / each["path"] for each in listed) if path.name not in known]
    for path in new:
        await sources.add_file(tenant_id, "demo", path.name, _content(path))
    return len(new)


def _content(path: Path) -> bytes:
    return path.read_bytes()


async def _tenant(tenancy: Tenancy, settings: Settings, demo: DemoTenant) -> TenantId:
    tenant_id = await tenancy.tenant_of_slug(demo.slug) or await create_tenant(
        tenancy, slug=demo.slug, name=demo.name, language=demo.language, actor="demo"
    )
    kinds: tuple[KeyKind, ...] = ("publishable", "server")
    async with tenancy.session(tenant_id) as session:
        for kind in kinds:
            # Also at later starts: with another ENCRYPTION_KEY the demo keys are others.
            await add_key(session, tenant_id, kind, demo_key(settings, demo, kind), actor="demo")
    return tenant_id
