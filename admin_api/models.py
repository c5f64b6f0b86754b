"""Routes for a tenant's own language model, its budget, and what it used."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from admin_api.desk import Desk, DeskDep
from agents.model_settings import Budget, ModelSettings, ModelSettingsStore
from agents.model_usage import month_by_month
from foundation.clients.chat.endpoint import Endpoint, Provider


class OwnModel(BaseModel):
    """A model of the tenant's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    model: str = Field(min_length=1, max_length=200)
    base_url: str = Field(min_length=1, max_length=500)
    """https, on the open internet."""
    api_key: SecretStr | None = None
    """Left out, the stored one stays, for the same provider and address. It is never shown again."""


class Limits(BaseModel):
    """What may be used in a calendar month; then the sources are quoted until it ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(default=None, ge=0)
    cost: Decimal | None = Field(default=None, ge=0)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")

    @model_validator(mode="after")
    def _priced(self) -> "Limits":
        if self.cost is not None and self.currency is None:
            raise ValueError("a cost needs its currency")
        return self


class ModelChoice(BaseModel):
    """The tenant's choice; without a model of its own, the operator's answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    own: OwnModel | None = None
    monthly: Limits = Limits()


class ModelState(BaseModel):
    provider: str | None
    model: str | None
    base_url: str | None
    monthly: Limits


class Used(BaseModel):
    month: str
    """Its first day, in the tenant's time zone."""
    model: str
    currency: str
    """Empty where the model's price is not known."""
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    calls: int


class Usages(BaseModel):
    usage: list[Used]


router = APIRouter(prefix="/model", tags=["models"])


@router.get("")
async def get(desk: DeskDep) -> ModelState:
    """Show the tenant's model and budget, never the key."""
    return _state(await _store(desk).get(desk.tenant_id))


@router.put("")
async def put(desk: DeskDep, body: ModelChoice) -> ModelState:
    """Choose a model and a budget; hosts follow within ten seconds."""
    own = body.own
    endpoint = None
    if own is not None:
        key = own.api_key.get_secret_value() if own.api_key else ""
        endpoint = Endpoint(own.provider, own.model, own.base_url.rstrip("/"), key)
    wanted = ModelSettings(endpoint, Budget(body.monthly.tokens, body.monthly.cost, body.monthly.currency))
    await _store(desk).put(desk.tenant_id, wanted, actor=desk.actor)
    return _state(wanted)


@router.get("/usage")
async def usage(desk: DeskDep, months: Annotated[int, Query(ge=1, le=36)] = 3) -> Usages:
    """Show what models used, by month, the newest first."""
    rows = await month_by_month(desk.tenancy, desk.tenant_id, months)
    return Usages(usage=[Used.model_validate(row) for row in rows])


def _store(desk: Desk) -> ModelSettingsStore:
    return ModelSettingsStore(desk.tenancy, desk.sealer)


def _state(settings: ModelSettings) -> ModelState:
    at, budget = settings.endpoint, settings.budget
    return ModelState(
        provider=at.provider if at else None,
        model=at.model if at else None,
        base_url=at.base_url if at else None,
        monthly=Limits(tokens=budget.tokens, cost=budget.cost, currency=budget.currency),
    )
