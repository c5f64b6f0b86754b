"""Reads when a tenant's people are there, as its settings have it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfoNotFoundError

import structlog
from pydantic import ValidationError

from agents.opening import Opening, opening
from agents.tenant_settings import Hours
from foundation.errors import NotFound
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Language

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """A tenant's hours in its zone, and the language of texts for customers whose own is not known."""

    hours: Hours
    zone: str
    language: Language

    def at(self, moment: datetime) -> Opening | None:
        """Return whether people are there at a moment; None where no hours are set, or none can be told."""
        try:
            return opening(self.hours, self.zone, moment)
        except ZoneInfoNotFoundError:  # on this machine; what hangs on the hours goes on without them
            log.exception("zone_unknown_here", zone=self.zone)
            return None


async def opening_times(tenancy: Tenancy, tenant_id: TenantId) -> OpeningTimes:
    """Raises: NotFound: there is no such tenant."""
    found = (await tenancy.trip(tenant_id, _TIMES, values={"tenant": tenant_id}, lightly=True)).rows
    if not found:
        raise NotFound(kind="tenant")
    [row] = found
    return OpeningTimes(_hours(row.hours), row.zone, row.language)


def _hours(stored: object) -> Hours:
    """Return a tenant's hours; none where what an earlier version stored is not valid any more."""
    try:
        return Hours.model_validate(stored or {})
    except ValidationError:
        log.exception("hours_unreadable")
        return Hours()


_TIMES: Final = """
select t.zone, t.language, s.settings -> 'hours' as hours
from tenants t left join tenant_settings s on s.tenant_id = t.id where t.id = %(tenant)s
"""
