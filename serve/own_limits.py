"""The limits that tenants have set for their visitors, remembered for a few seconds."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from sqlalchemy import text

from foundation.ids import TenantId
from foundation.plans import Rate
from foundation.tenancy import Tenancy

KEPT_S: Final = 5.0
_MOST: Final = 10_000
"""Tenants that are remembered at once."""


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """A change holds in every gateway after at most `KEPT_S` seconds."""

    tenancy: Tenancy
    now: Callable[[], float] = time.monotonic
    _kept: dict[TenantId, tuple[float, Mapping[Rate, int]]] = field(default_factory=dict)

    async def of(self, tenant_id: TenantId) -> Mapping[Rate, int]:
        """Return the limits that the tenant has set; what it has not set is not in it."""
        until, limits = self._kept.get(tenant_id, (0.0, {}))
        if self.now() < until:
            return limits
        async with self.tenancy.session(tenant_id) as session:
            stored = (await session.execute(_LIMITS, {"tenant": tenant_id})).scalar()
        limits = cast("Mapping[Rate, int]", stored or {})
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[tenant_id] = (self.now() + KEPT_S, limits)
        return limits


_LIMITS = text("select settings -> 'limits' from tenant_settings where tenant_id = :tenant")
