"""A source as people see it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from foundation.database.models import Source
from foundation.ids import SourceId

State = Literal["queued", "extracting", "embedding", "ready", "failed", "stale"]
Kind = Literal["file", "text", "url"]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as people see it. `reason` is a code; `ingest.extract.sentence` says it in words."""

    id: SourceId
    kind: str
    name: str
    uri: str | None
    state: str
    reason: str | None
    live_version: int | None
    chunks_done: int
    chunks_total: int | None
    audience: str
    resync_s: int | None
    checked_at: datetime | None
    created_at: datetime
    updated_at: datetime


def view_of(source: Source) -> SourceView:
    return SourceView(
        id=SourceId(source.id),
        kind=source.kind,
        name=source.name,
        uri=source.uri,
        state=source.state,
        reason=source.reason,
        live_version=source.live_version,
        chunks_done=source.chunks_done,
        chunks_total=source.chunks_total,
        audience=source.audience,
        resync_s=source.resync_s,
        checked_at=source.checked_at,
        created_at=source.created_at,
        updated_at=source.updated_at,
    )
