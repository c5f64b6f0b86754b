"""What `replik person …` does."""

from collections.abc import Mapping

from foundation.database.engine import connect
from foundation.errors import StartError
from foundation.identity import emails
from foundation.identity.passwords import require_strong
from foundation.ids import show
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from serve.commands import services
from serve.persons import WantedPerson, place_person


async def make_person(
    settings: Settings, environ: Mapping[str, str], slug: str, wanted: WantedPerson
) -> dict[str, str]:
    """Take a person into a tenant's team, with a new account if they have none; return both ids.

    Raises:
        StartError: there is no such tenant, or a service does not start.
        InvalidInput: the address is none, or the password is weak.
        PlanLimit: the tenant's plan has no seat left.
    """
    wanted = WantedPerson(emails.normal(wanted.email), wanted.name, wanted.password, wanted.role)
    require_strong(wanted.password, own_words=(wanted.email, wanted.name, slug))
    async with services(settings, environ) as running:
        tenancy = Tenancy(connect(running.require("database_url")))
        try:
            tenant_id = await tenancy.tenant_of_slug(slug)
            if tenant_id is None:
                raise StartError(f"There is no tenant {slug!r}: make it with `replik tenant create`.")
            person_id = await place_person(tenancy, tenant_id, wanted, actor="cli")
        finally:
            await tenancy.close()
    return {"person_id": show("person", person_id), "tenant_id": show("tenant", tenant_id)}
