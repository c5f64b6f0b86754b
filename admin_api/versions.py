"""Routes for what sources said when, and for the answers that cited it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from admin_api.desk import DeskDep, id_of
from foundation.ids import SourceId, show
from ingest.answers import Answers, Cited
from ingest.versions import Hunk, Versions, VersionView


class VersionList(BaseModel):
    versions: list[VersionView]


class Chunk(BaseModel):
    passage_id: str
    ordinal: int
    heading: str
    page: int | None
    anchor: str | None
    language: str
    text: str
    live: bool


class ChunkList(BaseModel):
    chunks: list[Chunk]
    next: int | None
    """Give this as `after` for the ones that follow; null at the end."""


class Diff(BaseModel):
    differences: list[Hunk]


class Restored(BaseModel):
    version: int
    """The new version with the old content; it is read now."""


class CitingAnswer(BaseModel):
    """An answer and what it cited; `instead` is what stands there now."""

    conversation_id: str
    position: int
    at: datetime
    answer: str
    source_id: str
    source_there: bool
    version: int | None
    heading: str | None
    quote: str | None
    instead: str | None


class CitingAnswers(BaseModel):
    answers: list[CitingAnswer]
    next: datetime | None = None
    """Give this as `before` for the ones that follow; null at the end."""


router = APIRouter(prefix="/sources/{source_id}/versions")
answers = APIRouter(prefix="/answers")


@router.get("")
async def history(desk: DeskDep, source_id: str) -> VersionList:
    """List a source's versions, newest first."""
    found = await Versions(desk.tenancy, desk.files).history(desk.tenant_id, _source(source_id))
    return VersionList(versions=found)


@router.get("/{number}/text", response_class=PlainTextResponse)
async def text(desk: DeskDep, source_id: str, number: int) -> str:
    """Return the text that was read from a version."""
    return await Versions(desk.tenancy, desk.files).text(desk.tenant_id, _source(source_id), number)


@router.get("/{number}/chunks")
async def chunks(
    desk: DeskDep,
    source_id: str,
    number: int,
    after: Annotated[int, Query(ge=-1)] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ChunkList:
    """List the passages that a version was cut into, in order."""
    found = await Versions(desk.tenancy, desk.files).passages(
        desk.tenant_id, _source(source_id), number, after=after, limit=limit
    )
    shown = [
        Chunk(
            passage_id=show("passage", each.id),
            ordinal=each.ordinal,
            heading=each.heading,
            page=each.page,
            anchor=each.anchor,
            language=each.language,
            text=each.text,
            live=each.live,
        )
        for each in found
    ]
    return ChunkList(chunks=shown, next=shown[-1].ordinal if len(shown) == limit else None)


@router.get("/{number}/diff")
async def diff(desk: DeskDep, source_id: str, number: int, to: Annotated[int, Query(ge=1)]) -> Diff:
    """Compare a version's text with another's (`to`)."""
    found = await Versions(desk.tenancy, desk.files).diff(desk.tenant_id, _source(source_id), number, to)
    return Diff(differences=found)


@router.post("/{number}/restore", status_code=202)
async def restore(desk: DeskDep, source_id: str, number: int) -> Restored:
    """Put an earlier version back, as a new one."""
    versions = Versions(desk.tenancy, desk.files)
    coming = await versions.restore(desk.tenant_id, desk.actor, _source(source_id), number)
    return Restored(version=coming)


@router.get("/{number}/answers")
async def of_version(desk: DeskDep, source_id: str, number: int) -> CitingAnswers:
    """List answers that cited a version, newest first, a hundred at most."""
    found = await Answers(desk.tenancy).of_version(desk.tenant_id, _source(source_id), number)
    return CitingAnswers(answers=_shown(found))


@answers.get("/changed")
async def changed(
    desk: DeskDep,
    days: Annotated[int, Query(ge=1, le=365)] = 30,
    before: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> CitingAnswers:
    """List answers of the last days that cited a passage which has changed since, newest first."""
    found = await Answers(desk.tenancy).changed_since(desk.tenant_id, days=days, before=before, limit=limit)
    return CitingAnswers(answers=_shown(found), next=found[-1].at if len(found) == limit else None)


def _source(text: str) -> SourceId:
    return SourceId(id_of("source", text))


def _shown(found: Sequence[Cited]) -> list[CitingAnswer]:
    return [
        CitingAnswer(
            conversation_id=show("conversation", each.conversation_id),
            position=each.position,
            at=each.at,
            answer=each.answer,
            source_id=show("source", each.source_id),
            source_there=each.source_there,
            version=each.version,
            heading=each.heading,
            quote=each.quote,
            instead=each.instead,
        )
        for each in found
    ]
