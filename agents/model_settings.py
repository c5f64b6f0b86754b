"""A tenant's own language model and its budget for a calendar month."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text

from foundation import audit, envelopes
from foundation.addresses import Resolve, is_public, resolve
from foundation.clients.chat.endpoint import Endpoint, Provider
from foundation.crypto import Sealer
from foundation.errors import InvalidInput
from foundation.ids import TenantId, show
from foundation.plans import PlanName, plans
from foundation.tenancy import Tenancy

PURPOSE: Final = "model_key"
_PORTS: Final = {"http": 80, "https": 443}

Row = Mapping[Any, Any]
"""A row of `model_settings`, by column."""


class ModelAddressRefused(InvalidInput):
    """The model's address must be https and lie on the open internet."""

    code = "model_address_refused"


class ModelKeyMissing(InvalidInput):
    """A new provider or address needs its key anew."""

    code = "model_key_missing"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used in a calendar month of the tenant's zone; None is no limit."""

    tokens: int | None = None
    """Of prompts and answers together."""
    cost: Decimal | None = None
    currency: str | None = None
    """Of `cost`; calls whose price is not known, or in another currency, do not count towards it."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a tenant has chosen; without an endpoint the operator's model answers."""

    endpoint: Endpoint | None = None
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class ModelSettingsStore:
    """Keeps tenants' choices. `allow_private` is for tests that serve a model on this machine."""

    tenancy: Tenancy
    sealer: Sealer
    resolve: Resolve = resolve
    allow_private: bool = False

    async def put(self, tenant_id: TenantId, wanted: ModelSettings, *, actor: str) -> None:
        """Store a tenant's choice and an audit row of it.

        An endpoint with an empty key keeps the stored one, for the same provider and address only: else
        whoever may choose an address could have the key sent to it.

        Raises:
            ModelAddressRefused: the address is not https, leads nowhere, or into a private network.
            ModelKeyMissing: there is no key for this provider and address.
            InvalidInput: the budget's cost has no currency, or a limit is negative.
        """
        _check(wanted.budget)
        if wanted.endpoint is not None:
            await self._check_address(wanted.endpoint.base_url)
        async with self.tenancy.session(tenant_id) as session:
            row = (await session.execute(_LOCKED, {"tenant": tenant_id})).mappings().first()
            chosen = replace(wanted, endpoint=self._with_key(tenant_id, wanted.endpoint, row))
            await session.execute(_PUT, self._values(tenant_id, chosen))
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="models.change",
                subject=show("tenant", tenant_id),
                before=None if row is None else _shown(row),
                after=_shown(self._values(tenant_id, chosen)),
            )

    async def get(self, tenant_id: TenantId) -> ModelSettings:
        """Return a tenant's choice.

        Raises:
            SealBroken: its key was altered, or stored for another tenant, provider or address.
        """
        async with self.tenancy.session(tenant_id) as session:
            row = (await session.execute(_GET, {"tenant": tenant_id})).mappings().first()
        return ModelSettings() if row is None else self.of_row(tenant_id, row)

    def of_row(self, tenant_id: TenantId, row: Row) -> ModelSettings:
        """Return the choice that a row of `model_settings` holds; raises like `get`."""
        budget = Budget(row["monthly_tokens"], row["monthly_cost"], row["currency"])
        provider, url = row["provider"], row["base_url"]
        if provider is None:
            return ModelSettings(None, budget)
        key = envelopes.open_(
            self.sealer, PURPOSE, bytes(row["api_key"]), key_context(tenant_id, provider, url)
        )
        endpoint = Endpoint(cast("Provider", provider), row["model"], url, key.decode())
        return ModelSettings(endpoint, budget)

    def _with_key(self, tenant_id: TenantId, wanted: Endpoint | None, row: Row | None) -> Endpoint | None:
        if wanted is None or wanted.key:
            return wanted
        if row is None or (row["provider"], row["base_url"]) != (wanted.provider, wanted.base_url):
            raise ModelKeyMissing
        stored = self.of_row(tenant_id, row).endpoint
        return replace(wanted, key=stored.key if stored else "")

    def _values(self, tenant_id: TenantId, chosen: ModelSettings) -> dict[str, Any]:
        at, budget = chosen.endpoint, chosen.budget
        return {
            "tenant": tenant_id,
            "provider": at and at.provider,
            "model": at and at.model,
            "base_url": at and at.base_url,
            "api_key": at
            and envelopes.seal(
                self.sealer,
                PURPOSE,
                at.key.encode(),
                key_context(tenant_id, at.provider, at.base_url),
            ),
            "monthly_tokens": budget.tokens,
            "monthly_cost": budget.cost,
            "currency": budget.currency,
        }

    async def _check_address(self, url: str) -> None:
        """Refuse early what each request would refuse anyway: a name may lead elsewhere later."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ModelAddressRefused from None
        schemes = {"https", "http"} if self.allow_private else {"https"}
        if parts.scheme not in schemes or not host or parts.username or parts.query or parts.fragment:
            raise ModelAddressRefused
        try:
            addresses = await self.resolve(host, port or _PORTS[parts.scheme])
        except (OSError, UnicodeError):
            raise ModelAddressRefused from None
        if not addresses or not (self.allow_private or all(map(is_public, addresses))):
            raise ModelAddressRefused


def within_plan(budget: Budget, plan: PlanName) -> Budget:
    """Return the budget, with no more tokens than the plan allows of the operator's model."""
    most = [each for each in (budget.tokens, plans()[plan].limits.get("model_tokens")) if each is not None]
    return replace(budget, tokens=min(most, default=None))


def _check(budget: Budget) -> None:
    if budget.cost is not None and budget.currency is None:
        raise InvalidInput(field="currency")
    if (budget.tokens or 0) < 0 or (budget.cost or 0) < 0:
        raise InvalidInput(field="budget")


def key_context(tenant_id: UUID, provider: str, base_url: str) -> bytes:
    """What the seal is bound to: a row moved to another tenant, or led to another address, gives no key."""
    return f"{tenant_id}/{provider}/{base_url}".encode()


def _shown(columns: Row) -> dict[str, Any]:
    """Return a row's columns for the audit log, without the key."""
    names = ("provider", "model", "base_url", "monthly_tokens", "monthly_cost", "currency")
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in ((name, columns[name]) for name in names)
    }


_GET = text("select * from model_settings where tenant_id = :tenant")
_LOCKED = text("select * from model_settings where tenant_id = :tenant for update")
_PUT = text(
    "insert into model_settings"
    " (tenant_id, provider, model, base_url, api_key, monthly_tokens, monthly_cost, currency)"
    " values (:tenant, :provider, :model, :base_url, :api_key, :monthly_tokens, :monthly_cost, :currency)"
    " on conflict (tenant_id) do update set provider = excluded.provider, model = excluded.model,"
    " base_url = excluded.base_url, api_key = excluded.api_key, monthly_tokens = excluded.monthly_tokens,"
    " monthly_cost = excluded.monthly_cost, currency = excluded.currency, updated_at = clock_timestamp()"
)
