"""Routes for API keys: scopes, origins, an end, rotation with an overlap. Secrets are shown once."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from admin_api import listing
from admin_api.desk import Desk, DeskDep, id_of
from foundation.api_keys import ApiKeys, Filter, KeyKind, KeyStatus, KeyView, Made, Sort
from foundation.errors import InvalidInput
from foundation.ids import KeyId, show
from foundation.origins import origin_of
from foundation.permissions import Permission

LONGEST_OVERLAP_H = 30 * 24

Name = Annotated[str, Field(min_length=1, max_length=100)]
Origin = Annotated[str, Field(max_length=300), AfterValidator(origin_of)]
Origins = Annotated[list[Origin], Field(max_length=50)]
Scopes = Annotated[frozenset[Permission], Field(min_length=1)]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewKey(_Body):
    """A key for the tenant's servers, or one for its pages."""

    kind: KeyKind
    name: Name
    scopes: Scopes | None = None
    """What a server key may do; none but server keys have them."""
    allowed_origins: Origins = []
    """Whose pages may use a publishable key; none means any."""
    expires_at: AwareDatetime | None = None
    requests_per_minute: PerMinute | None = None

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.kind == "server" and self.scopes is None:
            raise ValueError("a server key needs scopes: list the permissions that it is to have")
        if self.kind == "publishable" and self.scopes is not None:
            raise ValueError("a publishable key has no scopes: it starts conversations and nothing else")
        if self.kind == "server" and self.allowed_origins:
            raise ValueError("a server key has no origins: it never stands in a page")
        return self


class Changes(_Body):
    """What is left out stays; null takes an end or a rate away."""

    name: Name = ""
    scopes: Scopes = frozenset()
    allowed_origins: Origins = []
    expires_at: AwareDatetime | None = None
    requests_per_minute: PerMinute | None = None
    require_identity: bool = False
    """Whether conversations begin only for visitors whom the tenant's server has signed for."""


class Rotation(_Body):
    overlap_hours: Annotated[float, Field(ge=0, le=LONGEST_OVERLAP_H)] = 24
    """How long the present secret goes on beside the new one; 0 ends it at once."""

    @property
    def overlap(self) -> timedelta:
        return timedelta(hours=self.overlap_hours)


class NamedRotation(Rotation):
    key_id: str | None = None
    """Left out, the key that asks."""


class KeyState(BaseModel):
    key_id: str
    kind: KeyKind
    name: str
    prefix: str
    state: KeyStatus
    scopes: list[Permission]
    allowed_origins: list[str]
    requests_per_minute: int | None
    require_identity: bool
    has_identity_secret: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    former_until: datetime | None
    revoked_at: datetime | None


class KeyList(BaseModel):
    keys: list[KeyState]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(listing.ListQuery):
    """Which keys. Words are looked for in names and in what is shown of the secret."""

    sort: Sort = "newest"
    state: KeyStatus | None = None
    kind: KeyKind | None = None


class KeyMade(BaseModel):
    key: KeyState
    secret: str
    """Shown this once."""


router = APIRouter(prefix="/keys", tags=["keys"])
tenant_router = APIRouter(tags=["keys"])


@router.get("")
async def listed(desk: DeskDep, asked: Annotated[Asked, Query()]) -> KeyList:
    """List the tenant's keys."""
    page = await _keys(desk).page(desk.tenant_id, asked.paging, Filter(asked.state, asked.kind))
    return KeyList(keys=[_state(view) for view in page.items], next=page.next)


@router.post("", status_code=201)
async def make(desk: DeskDep, body: NewKey) -> KeyMade:
    """Make a key, which can do no more than whoever makes it."""
    values = _values(body.model_dump(exclude={"kind"}))
    return _made(await _keys(desk).make(desk.caller, body.kind, values))


@router.get("/{key_id}")
async def get(desk: DeskDep, key_id: str) -> KeyState:
    """Show one key."""
    return _state(await _keys(desk).get(desk.tenant_id, _id(key_id)))


@router.patch("/{key_id}")
async def change(desk: DeskDep, key_id: str, body: Changes) -> KeyState:
    """Change a key; it holds from the next request on."""
    values = _values(body.model_dump(exclude_unset=True))
    return _state(await _keys(desk).change(desk.caller, _id(key_id), values))


@router.delete("/{key_id}", status_code=204)
async def revoke(desk: DeskDep, key_id: str) -> None:
    """End a key: the next request with it is refused."""
    await _keys(desk).revoke(desk.caller, _id(key_id))


@router.post("/{key_id}/rotate")
async def rotate(desk: DeskDep, key_id: str, body: Rotation) -> KeyMade:
    """Give a key another secret; the present one goes on for a while."""
    return _made(await _keys(desk).rotate(desk.caller, _id(key_id), body.overlap))


@router.post("/{key_id}/identity-secret")
async def rotate_identity(desk: DeskDep, key_id: str, body: Rotation) -> KeyMade:
    """Give a publishable key a secret with which the tenant's server signs who its visitors are."""
    return _made(await _keys(desk).rotate_identity(desk.caller, _id(key_id), body.overlap))


@tenant_router.post("/api-key")
async def rotate_own(desk: DeskDep, body: NamedRotation) -> KeyMade:
    """Give the key that asks, or the one that is named, another secret.

    Raises:
        InvalidInput: a person asks without naming one.
    """
    key_id = desk.caller.key_id if body.key_id is None else _id(body.key_id)
    if key_id is None:
        raise InvalidInput(field="key_id", reason="missing")
    return _made(await _keys(desk).rotate(desk.caller, key_id, body.overlap))


def _keys(desk: Desk) -> ApiKeys:
    return ApiKeys(desk.tenancy, desk.sealer)


def _id(text: str) -> KeyId:
    return KeyId(id_of("key", text))


def _values(given: dict[str, Any]) -> dict[str, Any]:
    return given | ({"scopes": sorted(given["scopes"] or ())} if "scopes" in given else {})


def _made(made: Made) -> KeyMade:
    return KeyMade(key=_state(made.key), secret=made.secret)


def _state(view: KeyView) -> KeyState:
    return KeyState(
        key_id=show("key", view.id),
        kind=view.kind,
        name=view.name,
        prefix=view.prefix,
        state=view.state,
        scopes=sorted(view.scopes),
        allowed_origins=list(view.allowed_origins),
        requests_per_minute=view.requests_per_minute,
        require_identity=view.require_identity,
        has_identity_secret=view.has_identity_secret,
        created_at=view.created_at,
        last_used_at=view.last_used_at,
        expires_at=view.expires_at,
        former_until=view.former_until,
        revoked_at=view.revoked_at,
    )
