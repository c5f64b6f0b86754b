"""How retrieval slows down as knowledge grows: 1,000, 100,000 and 1,000,000 passages over 100 tenants.

The whole of `HybridRetriever.search` on real PostgreSQL and Chroma, as the application's role, tenant after
tenant, one question at a time. Texts and vectors are generated (words by Zipf's law, vectors around topics),
and so are the questions' vectors: the embedding model is left out, it costs the same at every size. `growth`
is the p95 at the largest size over that at the smallest, `linear` what it would be if it grew as the passages
do. MOST=100000 in the environment leaves out the sizes above.
"""

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.clients.vectors.port import Collection
from foundation.database.engine import connect
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy
from graphs.retrieval.hybrid import HybridRetriever
from tests.bench.ingest import services

SIZES = (1_000, 100_000, 1_000_000)
TENANTS = 100
QUESTIONS = 300
_WARM = 100
_WORDS, _TOPICS, _DIMENSIONS = 20_000, 500, 384
_SYLLABLES = (
    "ba",
    "de",
    "fi",
    "go",
    "hu",
    "jä",
    "kå",
    "lö",
    "ma",
    "ne",
    "skri",
    "blom",
    "sten",
    "vatt",
    "kall",
)


class Generated:
    """An `Embedder` of generated texts: their first word names their topic."""

    model = "generated"
    dimensions = _DIMENSIONS

    def __init__(self) -> None:
        self._pick = np.random.default_rng(7)
        self._topics = _unit(self._pick.standard_normal((_TOPICS, _DIMENSIONS)))

    async def queries(self, texts: Sequence[str]) -> Vectors:
        return self.around([_topic(text) for text in texts])

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return self.around([_topic(text) for text in texts])

    def around(self, topics: Sequence[int]) -> Vectors:
        """Return a vector near each topic."""
        noise = self._pick.standard_normal((len(topics), _DIMENSIONS)) * 0.05
        return _unit(self._topics[list(topics)] + noise)


@dataclass(frozen=True, slots=True)
class Library:
    """Where the generated passages are."""

    superuser: str
    tenancy: Tenancy
    index: ChromaIndex
    embedder: Generated
    words: list[str]
    tenants: list[TenantId]

    async def fill(self, to: int, there: int) -> None:
        """Make passages until each tenant has `to`."""
        pick = random.Random(there + 1)
        for number, tenant_id in enumerate(self.tenants):
            ids = [new_uuid() for _ in range(to - there)]
            topics = [pick.randrange(_TOPICS) for _ in ids]
            vectors = self.embedder.around(topics)
            texts = [self.text(pick, topic, 50) for topic in topics]
            await asyncio.to_thread(self._store, tenant_id, there, ids, texts, vectors)
            await self.index.upsert(Collection(tenant_id, "generated", 1), ids, vectors)
            if to - there > 1_000 and number % 10 == 9:
                print(f"  {(number + 1) * to:,} passages", file=sys.stderr, flush=True)

    def text(self, pick: random.Random, topic: int, words: int) -> str:
        """Return a text about a topic: frequent words are frequent, as in a language."""
        drawn = (int(_WORDS ** pick.random()) for _ in range(words))
        return " ".join([f"ämne{topic}", *(self.words[each - 1] for each in drawn)])

    def _store(
        self, tenant_id: TenantId, first: int, ids: Sequence[UUID], texts: Sequence[str], vectors: Vectors
    ) -> None:
        with psycopg.connect(self.superuser) as connection, connection.cursor() as cursor:
            if first == 0:
                cursor.execute(
                    "insert into tenants (id, slug, name) values (%(t)s, %(t)s, 'Bench')", {"t": tenant_id}
                )
                cursor.execute(
                    "insert into sources (tenant_id, id, kind, name, state, live_version)"
                    " values (%(t)s, %(t)s, 'text', 'Bench', 'ready', 1)",
                    {"t": tenant_id},
                )
                cursor.execute(
                    "insert into source_versions (tenant_id, source_id, version, file_key, media_type,"
                    " content_hash, title) values (%(t)s, %(t)s, 1, '-', 'text/plain', '-', 'Bench')",
                    {"t": tenant_id},
                )
                cursor.execute(
                    "insert into vector_collections (tenant_id, model, generation)"
                    " values (%s, 'generated', 1)",
                    [tenant_id],
                )
            with cursor.copy(
                "copy passages (tenant_id, id, source_id, version, ordinal, text, start_offset, end_offset,"
                " language, content_hash, live) from stdin"
            ) as copy:
                for offset, (passage_id, words) in enumerate(zip(ids, texts, strict=True)):
                    place = (tenant_id, passage_id, tenant_id, 1, first + offset)
                    copy.write_row((*place, words, 0, 0, "sv", passage_id.bytes, True))
            with cursor.copy("copy embeddings (tenant_id, model, content_hash, vector) from stdin") as copy:
                for passage_id, vector in zip(ids, vectors, strict=True):
                    copy.write_row((tenant_id, "generated", passage_id.bytes, vector.tobytes()))


def measure(_data: Path) -> list[dict[str, Any]]:
    """Fill the library step by step and return one result."""
    most = int(os.environ.get("MOST") or SIZES[-1])
    with services() as (urls, superuser, chroma_url, _home):
        return [asyncio.run(_run(urls.app, superuser, chroma_url, [each for each in SIZES if each <= most]))]


async def _run(app: str, superuser: str, chroma_url: str, sizes: Sequence[int]) -> dict[str, Any]:
    pick = random.Random(3)
    words = ["".join(pick.choices(_SYLLABLES, k=pick.randint(2, 4))) for _ in range(_WORDS)]
    tenants = [TenantId(new_uuid()) for _ in range(TENANTS)]
    engine = connect(app)
    library = Library(superuser, Tenancy(engine), ChromaIndex(chroma_url), Generated(), words, tenants)
    retriever = HybridRetriever(library.tenancy, library.embedder, library.index)
    p50: dict[str, float] = {}
    p95: dict[str, float] = {}
    built: dict[str, float] = {}
    there = 0
    for size in sizes:
        begun = time.monotonic()
        await library.fill(size // TENANTS, there)
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("vacuum analyze passages")
        built[str(size)] = round(time.monotonic() - begun, 1)
        there = size // TENANTS
        times = await _times(library, retriever)
        p50[str(size)] = round(statistics.median(times), 1)
        p95[str(size)] = round(statistics.quantiles(times, n=20)[-1], 1)
        print(f"{size:,}: p50 {p50[str(size)]} ms, p95 {p95[str(size)]} ms", file=sys.stderr, flush=True)
    await engine.dispose()
    first, last = str(sizes[0]), str(sizes[-1])
    return {
        "name": "search",
        "baseline": f"the same with {sizes[0]:,} passages",
        "tenants": TENANTS,
        "questions": QUESTIONS,
        "p50_ms": p50,
        "p95_ms": p95,
        "growth": round(p95[last] / p95[first], 2),
        "linear": sizes[-1] // sizes[0],
        "build_s": built,
    }


async def _times(library: Library, retriever: HybridRetriever) -> list[float]:
    """Return how long questions took, ms, after some to warm up."""
    pick = random.Random(11)
    times = []
    for number in range(_WARM + QUESTIONS):
        question = library.text(pick, pick.randrange(_TOPICS), 6)
        begun = time.perf_counter()
        found = await retriever.search(library.tenants[number % TENANTS], question, language="sv", limit=8)
        times.append((time.perf_counter() - begun) * 1000)
        assert found, "nothing was found"
    return times[_WARM:]


def _topic(text: str) -> int:
    first = text.split(" ", 1)[0].removeprefix("ämne")
    return int(first) if first.isdecimal() else 0


def _unit(vectors: NDArray[np.float64]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
