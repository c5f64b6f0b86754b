"""Routes for a whole knowledge base: out into one file, and in from one."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from typing import IO

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

from admin_api.bodies import Archive, uploads
from admin_api.desk import DeskDep
from foundation.errors import InvalidInput
from ingest.archive import Export
from ingest.archive_import import Import

_PIECE = 1 << 20


class ExportOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    history: bool = False
    """Also the versions that were live before."""
    vectors: bool = False
    """Also the passages' vectors, so that nothing is embedded again with the same model."""


class ImportResult(BaseModel):
    added: int
    skipped: int
    """Sources whose content was there already."""
    vectors: int


router = APIRouter(tags=["knowledge"])


@router.post("/export", response_class=Archive)
async def export(desk: DeskDep, options: ExportOptions) -> Archive:
    """Return the knowledge base as one archive."""
    target = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the last piece was sent
    try:
        writer = Export(desk.tenancy, desk.files)
        await writer.write(
            desk.tenant_id, desk.actor, target, history=options.history, vectors=options.vectors
        )
    except BaseException:
        target.close()
        raise
    return Archive(
        _pieces(target),
        headers={"Content-Disposition": 'attachment; filename="knowledge.zip"', "Cache-Control": "no-store"},
    )


@router.post("/import", openapi_extra=uploads())
async def import_(desk: DeskDep, request: Request) -> ImportResult:
    """Add what an archive (field `file`) has and this tenant has not; it is read as uploads are."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidInput(field="file")
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput(field="file")
        done = await Import(desk.tenancy, desk.files).read(desk.tenant_id, desk.actor, file.file)
    return ImportResult(added=done.added, skipped=done.skipped, vectors=done.vectors)


async def _pieces(file: IO[bytes]) -> AsyncGenerator[bytes, None]:
    with file:
        file.seek(0)
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
