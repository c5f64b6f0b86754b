"""What customers read as the name of whoever answers them."""

from typing import Final

from foundation.permissions import Principal
from foundation.tenancy import Tenancy


async def name_of(tenancy: Tenancy, who: Principal) -> str:
    """Return the name that stands beside a person's words: for now the brand's, whoever speaks."""
    rows = (await tenancy.trip(who.tenant_id, _BRAND, values={"tenant": who.tenant_id})).rows
    name: str = rows[0].name
    return name


_BRAND: Final = "select name from inboxes where tenant_id = %(tenant)s and is_default"
