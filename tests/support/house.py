"""One tenant's knowledge base with everything around it, on real PostgreSQL and Chroma."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.port import Vectors
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.clients.vectors.port import Collection
from foundation.errors import DependencyUnavailable
from foundation.ids import SourceId, TenantId
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.fetch import Fetched, Validators
from ingest.pipeline import Ingestion, ingest
from ingest.sources import Sources


class Counting(HashingEmbedder):
    """Counts every text it is asked for, and breaks after `lives` batches."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.lives = 1_000_000

    async def passages(self, texts: Sequence[str]) -> Vectors:
        if self.lives == 0:
            raise DependencyUnavailable(part="model")
        self.lives -= 1
        self.asked.update(texts)
        return await super().passages(texts)


class House:
    """One tenant's knowledge base with everything around it."""

    def __init__(self, tenancy: Tenancy, tenant_id: TenantId, chroma_url: str, folder: Path) -> None:
        self.tenant_id = tenant_id
        self.tenancy = tenancy
        self.embedder = Counting()
        self.bus = LocalBus()
        self.index = ChromaIndex(chroma_url)
        self.files = FsspecStore(str(folder / "files"))
        self.sources = Sources(tenancy, self.files)
        self.ingestion = Ingestion(
            tenancy, self.files, self.index, ThreadCompute(self.embedder), self.bus, lambda _text: None
        )

    def fetch_with(self, fetch: Callable[[str, Validators], Awaitable[Fetched]]) -> None:
        self.ingestion = replace(self.ingestion, fetch=fetch)

    async def run(self, source_id: SourceId) -> str:
        return await ingest(self.ingestion, self.tenant_id, source_id)

    async def add(self, content: bytes | str, name: str = "a.md") -> SourceId:
        encoded = content.encode() if isinstance(content, str) else content
        return await self.sources.add_file(self.tenant_id, "test", name, encoded)

    async def passages(self, *, live: bool = True) -> list[str]:
        async with self.tenancy.session(self.tenant_id) as session:
            found = await session.execute(
                text("select text from passages where live = :live order by ordinal"), {"live": live}
            )
            return list(found.scalars())

    async def indexed(self) -> list[str]:
        """Return the texts of everything in the vector index, sorted; `gone` for rows that are not there."""
        async with self.index._server() as client:
            collection = await self.index._find(client, Collection(self.tenant_id, "hashing", 1))
            assert collection is not None
            ids = (await collection.get(include=[]))["ids"]
        async with self.tenancy.session(self.tenant_id) as session:
            rows = (await session.execute(text("select id, text from passages"))).all()
        texts = {str(row.id): row.text for row in rows}
        return sorted(texts.get(passage_id, "gone") for passage_id in ids)

    async def nearest(self, query: str) -> str:
        """Return the text of the best hit."""
        vector = (await self.embedder.queries([query]))[0]
        hit = (await self.index.search(Collection(self.tenant_id, "hashing", 1), vector, 1))[0]
        async with self.tenancy.session(self.tenant_id) as session:
            wanted = {"id": hit.passage_id}
            return str(await session.scalar(text("select text from passages where id = :id"), wanted))
