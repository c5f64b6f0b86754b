"""What a tenant's plan allows it to have the agent read."""

from foundation import plans
from foundation.ids import TenantId
from foundation.tenancy import TenantSession
from ingest.upload import Upload


async def allowed(session: TenantSession, tenant_id: TenantId, upload: Upload | None = None) -> None:
    """Return if one more source may be added. What a page or document holds is not known before it is read:
    the one that passes the limit of passages is the last.

    Raises:
        PlanLimit: there are as many sources, passages or bytes as the plan allows.
    """
    await plans.check(session, tenant_id, "sources")
    await plans.check(session, tenant_id, "passages")
    if upload is not None:
        await plans.check(session, tenant_id, "bytes", more=upload.size)


async def kept_within(session: TenantSession, tenant_id: TenantId) -> None:
    """Return if what was just added at once, in this transaction, is within the plan.

    Raises:
        PlanLimit: it is not.
    """
    for name in ("sources", "passages", "bytes"):
        await plans.check(session, tenant_id, name, more=0)
