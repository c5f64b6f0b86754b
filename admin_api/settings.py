"""Routes for what a tenant sets of itself, and for what it uses of its plan."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from admin_api.desk import DeskDep
from admin_api.etags import Expected, etag
from agents.opening import Opening
from agents.opening_times import OpeningTimes
from agents.tenant_settings import TenantSettings
from agents.tenant_settings_desk import Stored, TenantSettingsDesk
from foundation.plans import Limited, PlanName, usage


class SettingsState(BaseModel):
    version: int
    plan: PlanName
    """Changed by the operator only."""
    settings: TenantSettings
    staff: Opening | None
    """Whether people are there now; null if no hours are set."""


class SettingsPatch(BaseModel):
    """A JSON merge patch (RFC 7396): what is left out stays, null goes back to the default."""

    model_config = ConfigDict(extra="allow")


class ChangeView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    version: int
    actor: str
    at: datetime
    before: dict[str, Any]
    after: dict[str, Any]


class History(BaseModel):
    changes: list[ChangeView]


class UsedView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: Limited
    used: int
    limit: int | None
    resets_at: datetime | None


class Usage(BaseModel):
    plan: PlanName
    usage: list[UsedView]


router = APIRouter(tags=["tenant"])


@router.get("/settings")
async def get(desk: DeskDep, response: Response) -> SettingsState:
    """Show the tenant's settings; the ETag is their version."""
    return _state(await TenantSettingsDesk(desk.tenancy).get(desk.tenant_id), response)


@router.put("/settings")
async def put(desk: DeskDep, response: Response, expected: Expected, body: TenantSettings) -> SettingsState:
    """Replace the settings; `If-Match` refuses the change if somebody else was first."""
    changed = await TenantSettingsDesk(desk.tenancy).change(
        desk.tenant_id, desk.actor, lambda _before: body, version=expected
    )
    return _state(changed, response)


@router.patch("/settings")
async def patch(desk: DeskDep, response: Response, expected: Expected, body: SettingsPatch) -> SettingsState:
    """Change some of the settings."""

    def merged(before: TenantSettings) -> TenantSettings:
        try:
            return TenantSettings.model_validate(
                _merged(before.model_dump(mode="json"), body.model_extra or {})
            )
        except ValidationError as error:
            found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
            raise RequestValidationError(found) from None

    changed = await TenantSettingsDesk(desk.tenancy).change(
        desk.tenant_id, desk.actor, merged, version=expected
    )
    return _state(changed, response)


@router.get("/settings/history")
async def history(
    desk: DeskDep,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> History:
    """List who changed what, newest first; `before` is the last version of the page before."""
    found = await TenantSettingsDesk(desk.tenancy).history(desk.tenant_id, before=before, limit=limit)
    return History(changes=[ChangeView.model_validate(each) for each in found])


@router.get("/usage")
async def used(desk: DeskDep) -> Usage:
    """Show what the plan allows and what is used of it."""
    async with desk.tenancy.session(desk.tenant_id) as session:
        plan, found = await usage(session, desk.tenant_id)
    return Usage(plan=plan, usage=[UsedView.model_validate(each) for each in found])


def _state(stored: Stored, response: Response) -> SettingsState:
    response.headers["ETag"] = etag(stored.version)
    settings = stored.settings
    staff = OpeningTimes(settings.hours, settings.zone, settings.language).at(datetime.now(UTC))
    return SettingsState(version=stored.version, plan=stored.plan, settings=settings, staff=staff)


def _merged(into: Any, patch: Any) -> Any:
    """Return what a merge patch makes of a JSON value."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(into) if isinstance(into, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
