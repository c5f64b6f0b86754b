"""What customers read as the name of whoever answers them."""

from typing import Final

from foundation.permissions import Principal
from foundation.tenancy import Tenancy


async def name_of(tenancy: Tenancy, who: Principal) -> str:
    """Return the name that stands beside somebody's words: a person's own; the brand's for a key."""
    values = {"tenant": who.tenant_id, "person": who.person_id}
    rows = (await tenancy.trip(who.tenant_id, _NAME, values=values)).rows
    name: str = rows[0].name
    return name


_NAME: Final = """
select coalesce((select p.name from people p where p.id = %(person)s), i.name) as name
from inboxes i where i.tenant_id = %(tenant)s and i.is_default
"""
