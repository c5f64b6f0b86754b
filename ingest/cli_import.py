"""Import a folder of documents: `replik knowledge import FOLDER --tenant SLUG`."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from foundation.errors import ExtractionFailed
from foundation.ids import SourceId, TenantId
from ingest.pipeline import Ingestion, ingest
from ingest.sources import Known, Sources
from ingest.upload import MAX_BYTES

_AT_ONCE_PER_BATCH = 2
"""Documents at work per batch in flight: while one embeds, others are read, cut and stored."""


@dataclass(slots=True)
class Imported:
    """What an import came to. Failed documents stand in `failed` with their reason's code."""

    documents: int = 0
    skipped: int = 0
    chunks: int = 0
    seconds: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, object]:
        """Return the figures; `skipped` documents were there already, unchanged."""
        return {
            "documents": self.documents,
            "skipped": self.skipped,
            "chunks": self.chunks,
            "seconds": round(self.seconds, 2),
            "chunks_per_second": round(self.chunks / self.seconds, 2) if self.seconds else 0.0,
            "failed": dict(sorted(self.failed.items())),
        }


async def import_folder(
    folder: Path,
    ingestion: Ingestion,
    tenant_id: TenantId,
    *,
    actor: str = "cli",
    console: Console | None = None,
) -> dict[str, object]:
    """Add or update every file in `folder` and below, and bring each into the knowledge base now.

    A file that is there under the same name with the same content is skipped, so a second run finishes what a
    first one left. Returns `Imported.summary()`.

    Raises:
        NotADirectoryError: there is no such folder.
        DependencyUnavailable: a service is away; what was imported until then stays.
    """
    if not await asyncio.to_thread(folder.is_dir):
        raise NotADirectoryError(str(folder))
    sources = Sources(ingestion.tenancy, ingestion.files)
    paths = await asyncio.to_thread(lambda: list(_documents(folder)))
    result = Imported()
    known = await sources.known_files(tenant_id)
    work = _Import(ingestion, sources, tenant_id, actor, known, result)
    started = time.monotonic()
    with bars(console) as progress:
        bar = progress.add_task("Importing", total=len(paths))
        waiting = iter(paths)

        async def worker() -> None:
            for path in waiting:
                name = path.relative_to(folder).as_posix()
                progress.update(bar, description=name[-40:])
                await work.one(path, name)
                progress.advance(bar)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE_PER_BATCH * ingestion.compute.in_flight):
                group.create_task(worker())
        progress.update(bar, description="Imported")
    result.seconds = time.monotonic() - started
    return result.summary()


@dataclass(frozen=True, slots=True)
class _Import:
    ingestion: Ingestion
    sources: Sources
    tenant_id: TenantId
    actor: str
    known: dict[str, Known]
    result: Imported

    async def one(self, path: Path, name: str) -> None:
        try:
            source_id = await self._add(name, await asyncio.to_thread(_read, path))
        except ExtractionFailed as failure:
            self.result.failed[name] = str(failure.data["reason"])
            return
        if source_id is None:
            self.result.skipped += 1
            return
        state = await ingest(self.ingestion, self.tenant_id, source_id)
        source = await self.sources.get(self.tenant_id, source_id)
        if state == "ready":
            self.result.documents += 1
            self.result.chunks += source.chunks_total or 0
        else:
            self.result.failed[name] = source.reason or state

    async def _add(self, name: str, content: bytes) -> SourceId | None:
        """Return the source to ingest; None when it is there, unchanged and ready."""
        known = self.known.get(name)
        if known is None:
            return await self.sources.add_file(self.tenant_id, self.actor, name, content, enqueue=False)
        if known.content_hash != sha256(content).digest():
            await self.sources.replace_file(self.tenant_id, self.actor, known.id, content, enqueue=False)
        elif known.state == "ready":
            return None
        return known.id


def _documents(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)  # one more than allowed is enough to refuse it


def bars(console: Console | None = None) -> Progress:
    """Return progress bars with a name, counts and the time; they vanish at the end."""
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
