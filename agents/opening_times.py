"""Reads when a tenant's people are there, as its settings have it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.opening import Opening, opening
from agents.tenant_settings import Hours
from foundation.errors import NotFound
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Language


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """A tenant's hours in its zone, and the language of texts for customers whose own is not known."""

    hours: Hours
    zone: str
    language: Language

    def at(self, moment: datetime) -> Opening | None:
        """Return whether people are there at a moment; None where no hours are set."""
        return opening(self.hours, self.zone, moment)


async def opening_times(tenancy: Tenancy, tenant_id: TenantId) -> OpeningTimes:
    """Raises: NotFound: there is no such tenant."""
    found = (await tenancy.trip(tenant_id, _TIMES, values={"tenant": tenant_id}, lightly=True)).rows
    if not found:
        raise NotFound(kind="tenant")
    [row] = found
    return OpeningTimes(Hours.model_validate(row.hours or {}), row.zone, row.language)


_TIMES: Final = """
select t.zone, t.language, s.settings -> 'hours' as hours
from tenants t left join tenant_settings s on s.tenant_id = t.id where t.id = %(tenant)s
"""
