"""What `replik knowledge …` does, each on a tenant's desk."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from admin_api.desk import Desk, id_of
from agents.inbox.hub import Hub
from foundation.clients.bus.valkey import ValkeyBus
from foundation.clients.embedding.choice import embedding_model
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.keyspace.valkey import ValkeyKeyspace
from foundation.clients.presence.valkey import ValkeyPresence
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.errors import StartError
from foundation.ids import CrawlId, SourceId, show
from foundation.languages import choose
from foundation.permissions import PERMISSIONS, Principal
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from graphs.replies import load_replies
from graphs.retrieval.choice import retriever_for
from ingest import records
from ingest.answers import Answers
from ingest.archive import Export
from ingest.archive_import import Import
from ingest.cli_import import bars
from ingest.crawl import Plan
from ingest.crawls import Crawls, Kind
from ingest.erase import Eraser, delete_source
from ingest.extract import sentence
from ingest.options import Audience, Options
from ingest.quality import Place, examine
from ingest.reindex import reindexes, start_reindex
from ingest.versions import Versions, unified
from serve.assembly import files_root
from serve.commands import services

_LOOK_S = 0.5

Said = str | dict[str, Any]


async def at_desk(
    settings: Settings,
    environ: Mapping[str, str],
    slug: str,
    command: Callable[..., Awaitable[Said]],
    *arguments: Any,
) -> Said:
    """Run a command on the desk of the tenant with this short name.

    Raises:
        StartError: there is no such tenant, or a service does not start.
    """
    async with services(settings, environ) as running:
        sealer = sealer_of(running)
        tenancy = Tenancy(connect(running.require("database_url")), sealer)
        bus = ValkeyBus(running.require("redis_url"))
        keyspace = ValkeyKeyspace(running.require("redis_url"))
        presence = ValkeyPresence(running.require("redis_url"))
        try:
            tenant_id = await tenancy.tenant_of_slug(slug)
            if tenant_id is None:
                raise StartError(f"There is no tenant {slug!r}: give the short name of one, for example own.")
            files, vectors = FsspecStore(files_root(running)), ChromaIndex(running.require("chroma_url"))
            model = embedding_model(running)
            retriever = retriever_for(running, tenancy, vectors)
            caller = Principal(tenant_id, "cli", PERMISSIONS)
            desk = Desk(
                caller,
                language="en",
                tenancy=tenancy,
                files=files,
                vectors=vectors,
                bus=bus,
                embedding_model=model,
                retriever=retriever,
                sealer=sealer,
                hub=Hub(tenancy, bus),
                presence=presence,
                keyspace=keyspace,
                fixed_text=load_replies().in_language,
            )
            return await command(desk, *arguments)
        finally:
            await keyspace.close()
            await bus.close()
            await presence.close()
            await tenancy.close()


async def listed(desk: Desk) -> Said:
    table = Table("source", "name", "state", "version", "passages", "why")
    for each in await desk.sources.list(desk.tenant_id):
        why = sentence(each.reason, desk.language) if each.reason else ""
        passages = "" if each.chunks_total is None else str(each.chunks_total)
        table.add_row(
            show("source", each.id), each.name, each.state, str(each.live_version or ""), passages, why
        )
    return _drawn(table)


async def watched(desk: Desk) -> Said:
    with bars(Console(stderr=True)) as progress:
        bar = progress.add_task("Reading")
        while True:
            sources = await desk.sources.list(desk.tenant_id)
            at_work = [each for each in sources if each.state in records.AT_WORK]
            done = len(sources) - len(at_work)
            name = at_work[0].name[-40:] if at_work else "Nothing is being read"
            progress.update(bar, total=len(sources), completed=done, description=name)
            if not at_work:
                break
            await asyncio.sleep(_LOOK_S)
    states = [each.state for each in sources]
    return {state: states.count(state) for state in sorted(set(states))}


async def added(desk: Desk, what: str, audience: Audience, every: int | None) -> Said:
    options = Options(audience, every)
    if what.startswith(("http://", "https://")):
        source = await desk.sources.add_url(desk.tenant_id, desk.actor, what, options)
    else:
        try:
            file = await asyncio.to_thread(Path(what).open, "rb")
        except OSError as error:
            raise StartError(f"{what} cannot be read: {error.strerror}.") from None
        with file:
            name = Path(what).name
            source = await desk.sources.add_file(desk.tenant_id, desk.actor, name, file, options)
    return {"source": show("source", source)}


async def crawled(desk: Desk, url: str, kind: Kind, options: dict[str, Any]) -> Said:
    patterns = (tuple(options["include"]), tuple(options["exclude"]))
    crawl = await Crawls(desk.tenancy).add(
        desk.tenant_id,
        desk.actor,
        kind,
        Plan(url, options["depth"], options["pages"], *patterns),
        audience=options["audience"],
        resync_s=options["every"],
    )
    return await _walked(desk, crawl)


async def _walked(desk: Desk, crawl: CrawlId) -> Said:
    """Show a walk until it ends; a running Replik does the walking."""
    with bars(Console(stderr=True)) as progress:
        bar = progress.add_task("Walking")
        while True:
            now = await Crawls(desk.tenancy).get(desk.tenant_id, crawl)
            progress.update(bar, total=now.page_limit, completed=now.pages_found, description=now.uri[-40:])
            if now.state in {"ready", "failed"}:
                why = sentence(now.reason, desk.language) if now.reason else None
                return {
                    "crawl": show("crawl", crawl),
                    "state": now.state,
                    "pages": now.pages_found,
                    "why": why,
                }
            await asyncio.sleep(_LOOK_S)


async def resynced(desk: Desk, source: str) -> Said:
    if source.startswith("crl_"):
        crawl = CrawlId(id_of("crawl", source))
        await Crawls(desk.tenancy).resync(desk.tenant_id, desk.actor, crawl)
        return await _walked(desk, crawl)
    await desk.sources.resync(desk.tenant_id, desk.actor, _id(source))
    return {"source": source, "state": "queued"}


async def cancelled(desk: Desk, source: str) -> Said:
    await desk.sources.cancel(desk.tenant_id, desk.actor, _id(source))
    return {"source": source, "state": (await desk.sources.get(desk.tenant_id, _id(source))).state}


async def deleted(desk: Desk, source: str) -> Said:
    if source.startswith("crl_"):
        crawl = CrawlId(id_of("crawl", source))
        return {"sources": await Crawls(desk.tenancy).delete(desk.tenant_id, desk.actor, crawl)}
    erasure = await delete_source(desk.tenancy, desk.tenant_id, desk.actor, _id(source))
    return asdict(await Eraser(desk.tenancy, desk.files, desk.vectors).run(desk.tenant_id, erasure))


async def history(desk: Desk, source: str) -> Said:
    table = Table("version", "live", "from", "until", "passages", "answers", "title")
    for each in await Versions(desk.tenancy, desk.files).history(desk.tenant_id, _id(source)):
        times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (each.live_from, each.live_until)]
        passages = "" if each.passages is None else str(each.passages)
        live = "live" if each.live else ""
        table.add_row(str(each.number), live, *times, passages, str(each.answers), each.title or "")
    return _drawn(table)


async def differences(desk: Desk, source: str, before: int, after: int) -> Said:
    found = await Versions(desk.tenancy, desk.files).diff(desk.tenant_id, _id(source), before, after)
    return unified(found) if found else "They say the same."


async def restored(desk: Desk, source: str, version: int) -> Said:
    versions = Versions(desk.tenancy, desk.files)
    coming = await versions.restore(desk.tenant_id, desk.actor, _id(source), version)
    return {"source": source, "restored": version, "as": coming}


async def changed(desk: Desk, days: int) -> Said:
    table = Table("when", "conversation", "said", "now")
    for each in await Answers(desk.tenancy).changed_since(desk.tenant_id, days=days):
        conversation = show("conversation", each.conversation_id)
        table.add_row(f"{each.at:%Y-%m-%d %H:%M}", conversation, each.quote or "", each.instead or "")
    return _drawn(table)


async def reindexed(desk: Desk) -> Said:
    started = await start_reindex(desk.tenancy, desk.tenant_id, desk.actor, desk.embedding_model)
    with bars(Console(stderr=True)) as progress:
        bar = progress.add_task(f"Embedding with {desk.embedding_model}")
        while True:
            [now] = [each for each in await reindexes(desk.tenancy, desk.tenant_id) if each.id == started]
            progress.update(bar, total=now.total, completed=now.done)
            if now.state in {"ready", "failed"}:
                return {"reindex": show("reindex", now.id), "state": now.state, "passages": now.total}
            await asyncio.sleep(_LOOK_S)


async def checked(desk: Desk) -> Said:
    found = await examine(desk.tenancy, desk.tenant_id)
    table = Table("what", "where", "says", "where", "says")
    for pair in found.contradictions:
        table.add_row("contradiction", _where(pair.one), pair.one_says, _where(pair.other), pair.other_says)
    for twice in found.duplicates:
        table.add_row(
            "said twice", _where(twice.one), twice.one.text[:80], _where(twice.other), twice.other.text[:80]
        )
    return f"{_drawn(table)}\n{found.looked_at} of {found.passages} passages looked at."


def _where(place: Place) -> str:
    return " > ".join(part for part in (place.title, place.heading) if part)


async def asked(desk: Desk, question: str) -> Said:
    language = choose(question, conversation=None, default="sv")
    found = await desk.retriever.explain(desk.tenant_id, question, language=language, limit=8)
    table = Table("rank", "dense", "words", "fused", "score", "why", "where", "says")
    for each in found.entries[:16]:
        parts = sorted(each.contributions.items(), key=lambda part: -abs(part[1]))
        why = ", ".join(f"{name} {value:+.3f}" for name, value in parts[:3]) or str(each.dropped)
        where = " > ".join(part for part in (each.passage.title, each.passage.heading) if part)
        ranks = (each.rank, each.dense_rank, each.lexical_rank, each.fused_rank)
        told = ["–" if rank is None else str(rank) for rank in ranks]
        table.add_row(*told, f"{each.passage.score:.3f}", why, where[:40], each.passage.text[:60])
    return _drawn(table)


async def exported(desk: Desk, file: Path, with_history: bool, with_vectors: bool) -> Said:
    with Console(stderr=True).status("Writing"), file.open("wb") as target:
        manifest = await Export(desk.tenancy, desk.files).write(
            desk.tenant_id, desk.actor, target, history=with_history, vectors=with_vectors
        )
        size = target.tell()
    return {"file": str(file), "sources": manifest.sources, "bytes": size}


async def archive_imported(desk: Desk, file: Path) -> Said:
    with Console(stderr=True).status("Reading"), file.open("rb") as archive:
        done = await Import(desk.tenancy, desk.files).read(desk.tenant_id, desk.actor, archive)
    return asdict(done)


def _id(source: str) -> SourceId:
    return SourceId(id_of("source", source))


def _drawn(table: Table) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip()
