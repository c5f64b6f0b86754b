"""Routes for sources: add a document, a text or an address, and watch it being read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import UploadFile

from admin_api.desk import Desk, DeskDep
from foundation.errors import InvalidId, InvalidInput, NotFound
from foundation.ids import SourceId, parse, show
from ingest.extract import sentence
from ingest.progress import channel
from ingest.sources import SourceView

LONGEST_TEXT = 500_000
_LOOK_S = 2.0
_ENDS = {"ready", "failed", "stale"}


class Text(BaseModel):
    """Either a text with its title, or an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = Field(default=None, max_length=LONGEST_TEXT)
    title: str = Field(default="Text", min_length=1, max_length=200)
    url: str | None = Field(default=None, max_length=2_000)

    @model_validator(mode="after")
    def _one(self) -> "Text":
        if (self.text is None) == (self.url is None):
            raise ValueError("give either text or url")
        return self


class SourceState(BaseModel):
    source_id: str
    name: str
    state: str
    reason: str | None
    """Why it failed, in words for people."""
    chunks_done: int
    chunks_total: int | None


class SourceList(BaseModel):
    sources: list[SourceState]


router = APIRouter(prefix="/sources")


@router.post("", status_code=202)
async def add(desk: DeskDep, request: Request) -> SourceState:
    """Add a file (multipart field `file`), a text (`text`, `title`) or an address (`url`)."""
    source_id = await _add(desk, request)
    return _state(await desk.sources.get(desk.tenant_id, source_id), desk.language)


@router.get("")
async def listed(desk: DeskDep) -> SourceList:
    """List all sources, newest first."""
    views = await desk.sources.list(desk.tenant_id)
    return SourceList(sources=[_state(view, desk.language) for view in views])


@router.get("/{source_id}/events", response_class=StreamingResponse)
async def events(desk: DeskDep, source_id: str) -> StreamingResponse:
    """Follow a source until it is ready, or could not be read."""
    known = _source_of(source_id)
    await desk.sources.get(desk.tenant_id, known)
    return StreamingResponse(
        _encoded(_progress(desk, known)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _add(desk: Desk, request: Request) -> SourceId:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=5) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InvalidInput(field="file")
            return await desk.sources.add_file(
                desk.tenant_id, desk.actor, file.filename or "document", await file.read()
            )
    try:
        body = Text.model_validate_json(await request.body())
    except ValueError:
        raise InvalidInput(field="body") from None
    if body.url is not None:
        return await desk.sources.add_url(desk.tenant_id, desk.actor, body.url.strip())
    return await desk.sources.add_text(desk.tenant_id, desk.actor, body.title, body.text or "")


async def _progress(desk: Desk, source_id: SourceId) -> AsyncGenerator[SourceState | None, None]:
    """Yield the source's state each time it changes, None when it did not. The bus only says when to look."""
    last: SourceState | None = None
    async with desk.bus.subscribe(channel(desk.tenant_id, source_id)) as news:
        while True:
            now = _state(await desk.sources.get(desk.tenant_id, source_id), desk.language)
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
    return b"event: progress\ndata: %s\n\n" % orjson.dumps(state.model_dump())


def _state(view: SourceView, language: str) -> SourceState:
    return SourceState(
        source_id=show("source", view.id),
        name=view.name,
        state=view.state,
        reason=sentence(view.reason, language) if view.reason else None,
        chunks_done=view.chunks_done,
        chunks_total=view.chunks_total,
    )


def _source_of(text: str) -> SourceId:
    try:
        return SourceId(parse("source", text))
    except InvalidId:
        raise NotFound(kind="source") from None
