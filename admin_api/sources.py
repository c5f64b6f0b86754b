"""Routes for sources: add a document, a text or an address, watch it being read, keep it in order."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Annotated, BinaryIO

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import UploadFile

from admin_api.bodies import ServerSentEvents, uploads
from admin_api.desk import Desk, DeskDep, id_of
from admin_api.listing import Renamed
from foundation.errors import InvalidInput
from foundation.ids import SourceId, show
from ingest.erase import delete_source, proof_of
from ingest.extract import sentence
from ingest.options import Audience, Options
from ingest.progress import channel
from ingest.source_view import Kind, SourceView, State
from ingest.sources import Filter, Sort

LONGEST_TEXT = 500_000
LONGEST_RESYNC_S = 366 * 86_400
_LOOK_S = 2.0
_AUDIENCE = {"type": "string", "enum": ["customer", "staff"]}
_ENDS = {"ready", "failed", "stale"}


class Text(BaseModel):
    """Either a text with its title, or an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = Field(default=None, max_length=LONGEST_TEXT)
    title: str = Field(default="Text", min_length=1, max_length=200)
    url: str | None = Field(default=None, max_length=2_000)
    audience: Audience = "customer"
    resync_s: int | None = Field(default=None, ge=0, le=LONGEST_RESYNC_S)

    @model_validator(mode="after")
    def _one(self) -> "Text":
        if (self.text is None) == (self.url is None):
            raise ValueError("give either text or url")
        return self


class Change(BaseModel):
    """What to change about a source; what is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    audience: Audience | None = None
    """Whose questions it answers: customers' and staff's, or staff's only."""
    resync_s: int | None = Field(default=None, ge=0, le=LONGEST_RESYNC_S)
    """How often its page is looked at, in seconds; 0 for never."""


class SourceState(BaseModel):
    source_id: str
    name: str
    kind: str
    url: str | None
    state: str
    reason: str | None
    """Why it failed or is stale, in words for people."""
    live_version: int | None
    chunks_done: int
    chunks_total: int | None
    audience: str
    resync_s: int | None
    checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


class SourceList(BaseModel):
    sources: list[SourceState]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(Renamed):
    """Which sources. Words are looked for in names and addresses."""

    sort: Sort = "newest"
    state: State | None = None
    kind: Kind | None = None
    audience: Audience | None = None


class Erased(BaseModel):
    """How far a deletion is: `done` once a check found nothing left."""

    erasure_id: str
    state: str
    left: dict[str, int]
    """What the check found, by kind: rows, files, vectors."""


router = APIRouter(prefix="/sources")
keeping = APIRouter(prefix="/sources")
"""What only the holder of a key may do, beyond adding and watching."""


@router.post("", status_code=202, openapi_extra=uploads(json=Text, audience=_AUDIENCE))
async def add(desk: DeskDep, request: Request) -> SourceState:
    """Add a file (multipart field `file`), a text (`text`, `title`) or an address (`url`).

    The same content, or the same address, given again is the same source.
    """
    return await _state_of(desk, await _add(desk, request))


@router.get("")
async def listed(desk: DeskDep, asked: Annotated[Asked, Query()]) -> SourceList:
    """List sources."""
    wanted = Filter(asked.state, asked.kind, asked.audience)
    page = await desk.sources.page(desk.tenant_id, asked.paging, wanted)
    return SourceList(sources=[_state(view, desk.language) for view in page.items], next=page.next)


@router.get("/{source_id}/events", response_class=ServerSentEvents)
async def events(desk: DeskDep, source_id: str) -> ServerSentEvents:
    """Follow a source until it is ready, or could not be read."""
    known = SourceId(id_of("source", source_id))
    await desk.sources.get(desk.tenant_id, known)
    return ServerSentEvents(_encoded(_progress(desk, known)), headers={"Cache-Control": "no-store"})


@keeping.get("/{source_id}")
async def get(desk: DeskDep, source_id: str) -> SourceState:
    """Show one source."""
    return await _state_of(desk, SourceId(id_of("source", source_id)))


@keeping.patch("/{source_id}")
async def change(desk: DeskDep, source_id: str, body: Change) -> SourceState:
    """Rename a source, say whom it answers, or how often its page is looked at."""
    known = SourceId(id_of("source", source_id))
    await desk.sources.change(
        desk.tenant_id,
        desk.actor,
        known,
        name=body.name,
        audience=body.audience,
        resync_s=body.resync_s,
    )
    return await _state_of(desk, known)


@keeping.put("/{source_id}/content", status_code=202, openapi_extra=uploads())
async def replace(desk: DeskDep, request: Request, source_id: str) -> SourceState:
    """Give a source a new file (field `file`); the old version answers until the new one is read."""
    known = SourceId(id_of("source", source_id))
    async with _file(request) as (_, file, _):
        await desk.sources.replace_file(desk.tenant_id, desk.actor, known, file)
    return await _state_of(desk, known)


@keeping.post("/{source_id}/resync", status_code=202)
async def resync(desk: DeskDep, source_id: str) -> SourceState:
    """Read a source again: a page is fetched anew, and what failed or was cancelled is tried once more."""
    known = SourceId(id_of("source", source_id))
    await desk.sources.resync(desk.tenant_id, desk.actor, known)
    return await _state_of(desk, known)


@keeping.post("/{source_id}/cancel")
async def cancel(desk: DeskDep, source_id: str) -> SourceState:
    """Stop reading a source; what was live stays live."""
    known = SourceId(id_of("source", source_id))
    await desk.sources.cancel(desk.tenant_id, desk.actor, known)
    return await _state_of(desk, known)


@keeping.delete("/{source_id}", status_code=202)
async def delete(desk: DeskDep, source_id: str) -> Erased:
    """Delete a source. Nothing finds it from now on; its files and vectors go in the background."""
    erasure = await delete_source(
        desk.tenancy, desk.tenant_id, desk.actor, SourceId(id_of("source", source_id))
    )
    return Erased(erasure_id=show("erasure", erasure), state="queued", left={})


erasures = APIRouter(prefix="/erasures")


@erasures.get("/{erasure_id}")
async def erased(desk: DeskDep, erasure_id: str) -> Erased:
    """Show what a check after a deletion found."""
    state, left = await proof_of(desk.tenancy, desk.tenant_id, id_of("erasure", erasure_id))
    return Erased(erasure_id=erasure_id, state=state, left=left)


async def _add(desk: Desk, request: Request) -> SourceId:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with _file(request) as (name, file, audience):
            options = Options(audience)
            return await desk.sources.add_file(desk.tenant_id, desk.actor, name, file, options)
    try:
        body = Text.model_validate_json(await request.body())
    except ValueError:
        raise InvalidInput(field="body") from None
    options = Options(body.audience, body.resync_s)
    if body.url is not None:
        return await desk.sources.add_url(desk.tenant_id, desk.actor, body.url.strip(), options)
    return await desk.sources.add_text(desk.tenant_id, desk.actor, body.title, body.text or "", options)


@asynccontextmanager
async def _file(request: Request) -> AsyncGenerator[tuple[str, BinaryIO, Audience], None]:
    """Open the file of a form, with its name and audience. A large one was put on disk while it arrived."""
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput(field="file")
        match form.get("audience", "customer"):
            case "customer" | "staff" as audience:
                yield file.filename or "document", file.file, audience
            case _:
                raise InvalidInput(field="audience")


async def _progress(desk: Desk, source_id: SourceId) -> AsyncGenerator[SourceState | None, None]:
    """Yield the source's state each time it changes, None when it did not. The bus only says when to look."""
    last: SourceState | None = None
    async with desk.bus.subscribe(channel(desk.tenant_id, source_id)) as news:
        while True:
            now = await _state_of(desk, source_id)
            yield now if now != last else None
            last = now
            if now.state in _ENDS:
                return
            await news.take(_LOOK_S)


async def _encoded(states: AsyncGenerator[SourceState | None, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(states):
        async for state in states:
            # A comment in quiet times lets both ends notice a dead connection.
            yield b": hb\n\n" if state is None else _event(state)


def _event(state: SourceState) -> bytes:
    return b"event: progress\ndata: %s\n\n" % orjson.dumps(state.model_dump(mode="json"))


async def _state_of(desk: Desk, source_id: SourceId) -> SourceState:
    return _state(await desk.sources.get(desk.tenant_id, source_id), desk.language)


def _state(view: SourceView, language: str) -> SourceState:
    return SourceState(
        source_id=show("source", view.id),
        name=view.name,
        kind=view.kind,
        url=view.uri,
        state=view.state,
        reason=sentence(view.reason, language) if view.reason else None,
        live_version=view.live_version,
        chunks_done=view.chunks_done,
        chunks_total=view.chunks_total,
        audience=view.audience,
        resync_s=view.resync_s,
        checked_at=view.checked_at,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )
