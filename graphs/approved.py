"""Answers whose wording people fixed: they win over whatever would be generated."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np
from sqlalchemy import text

from foundation.clients.embedding.port import Embedder, Vectors
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from foundation.turns import Language, Value
from graphs.sameness import NEAR, normal, same_question

_MOST_TENANTS: Final = 256
_PACKED: Final = np.dtype("<f4")


class Approved(Value):
    """An approved answer that fits a question."""

    id: UUID
    question: str
    """The stored wording that it matched."""
    answer: str


class ApprovedAnswers(Protocol):
    async def find(
        self, tenant_id: TenantId, question: str, *, language: Language, audience: str
    ) -> Approved | None:
        """Return the approved answer to this question, if there is one that holds now."""
        ...


def pack(vectors: Vectors) -> bytes:
    """Return vectors as they are stored: float32, little endian, row by row."""
    return vectors.astype(_PACKED).tobytes()


@dataclass(frozen=True, slots=True)
class _Wording:
    id: UUID
    question: str
    answer: str
    language: str
    audience: str
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A tenant's approved answers as of a moment, one wording and one vector a row."""

    stamp: tuple[int, Any]
    wordings: tuple[_Wording, ...]
    vectors: Vectors
    by_words: Mapping[str, Sequence[int]]
    """Places of the wordings, by their plain words."""

    def worded(self, question: str) -> Sequence[int]:
        """Return the places of the wordings that are this question, however near the vectors lie."""
        return self.by_words.get(normal(question), ())


class StoredApprovedAnswers:
    """Looks them up in the database; what did not change since the last look is remembered."""

    def __init__(self, tenancy: Tenancy, embedder: Embedder) -> None:
        self._tenancy = tenancy
        self._embedder = embedder
        self._shelves: dict[TenantId, _Shelf] = {}

    async def find(
        self, tenant_id: TenantId, question: str, *, language: Language, audience: str
    ) -> Approved | None:
        """Return the nearest one that asks the same; see `ApprovedAnswers`."""
        stamp, now = await self._stamp(tenant_id)
        if not stamp[0]:
            return None
        shelf = self._shelves.get(tenant_id)
        if shelf is None or shelf.stamp != stamp:
            shelf = await self._load(tenant_id, stamp)
        [asked] = await self._embedder.queries([question])
        alike = shelf.vectors @ asked
        near = [at for at in np.argsort(-alike) if alike[at] >= NEAR]
        for at in [*shelf.worded(question), *near]:
            wording = shelf.wordings[at]
            if _holds(wording, now, language, audience) and same_question(
                question, wording.question, float(alike[at]), language
            ):
                return Approved(id=wording.id, question=wording.question, answer=wording.answer)
        return None

    async def _stamp(self, tenant_id: TenantId) -> tuple[tuple[int, Any], datetime]:
        """Return what changes when an answer does, and the database's time."""
        found = await self._tenancy.trip(tenant_id, _STAMP, values={})
        [row] = found.rows
        return (row.many, row.changed), row.now

    async def _load(self, tenant_id: TenantId, stamp: tuple[int, Any]) -> _Shelf:
        async with self._tenancy.session(tenant_id) as session:
            rows = (await session.execute(_ALL)).all()
        wordings, vectors = [], []
        for row in rows:
            asked = [row.question, *row.variants]
            wordings += [_Wording(row.id, each, *row[3:8]) for each in asked]
            vectors.append(await self._vectors(row, asked))
        size = self._embedder.dimensions
        stacked = np.vstack(vectors) if vectors else np.empty((0, size), dtype=np.float32)
        by_words: dict[str, list[int]] = defaultdict(list)
        for at, wording in enumerate(wordings):
            by_words[normal(wording.question)].append(at)
        shelf = _Shelf(stamp, tuple(wordings), stacked, dict(by_words))
        while len(self._shelves) >= _MOST_TENANTS:
            self._shelves.pop(next(iter(self._shelves)))
        self._shelves[tenant_id] = shelf
        return shelf

    async def _vectors(self, row: Any, asked: Sequence[str]) -> Vectors:
        if row.vector_model == self._embedder.model:
            return np.frombuffer(row.vectors, dtype=_PACKED).reshape(len(asked), -1)
        # Written with another model: made anew, for as long as this process remembers it.
        return await self._embedder.queries(asked)


def _holds(wording: _Wording, now: datetime, language: Language, audience: str) -> bool:
    return (
        wording.language == language
        and (wording.audience == "customer" or audience == "staff")
        and (wording.valid_from is None or wording.valid_from <= now)
        and (wording.valid_until is None or now < wording.valid_until)
    )


_STAMP = (
    "select count(*) as many, max(updated_at) as changed, clock_timestamp() as now from approved_answers"
    " where enabled"
)
_ALL = text(
    "select id, question, variants, answer, language, audience, valid_from, valid_until, vector_model,"
    " vectors from approved_answers where enabled order by created_at"
)
