"""Routes that say who of staff looks at a conversation, or writes in it."""

from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from admin_api.conversation_changes import staff_of
from admin_api.conversations import address_of
from admin_api.desk import Desk, DeskDep
from admin_api.words import Body, Line
from agents.inbox.presence import Watching
from foundation.clients.presence.port import Doing, Present


class Doings(Body):
    doing: Literal[Doing, "gone"] = "viewing"
    """Say it again within 30 seconds, or you are taken for gone."""
    name: Line | None = None


class Somebody(BaseModel):
    who: str
    name: str
    doing: Doing


class Presences(BaseModel):
    present: list[Somebody]


router = APIRouter(prefix="/conversations/{conversation_id}/presence", tags=["inbox"])


@router.put("")
async def put(desk: DeskDep, conversation_id: str, body: Doings) -> Presences:
    """Say what you do there; all who follow the live events hear it."""
    doing = None if body.doing == "gone" else body.doing
    staff = await staff_of(desk, body.name)
    return _shown(await _watching(desk).put(address_of(desk, conversation_id), staff, doing))


@router.get("")
async def there(desk: DeskDep, conversation_id: str) -> Presences:
    """Say who is there now."""
    return _shown(await _watching(desk).at(address_of(desk, conversation_id)))


def _watching(desk: Desk) -> Watching:
    return Watching(desk.tenancy, desk.presence, desk.bus)


def _shown(present: Sequence[Present]) -> Presences:
    return Presences(present=[Somebody(who=one.who, name=one.name, doing=one.doing) for one in present])
