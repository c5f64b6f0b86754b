"""What people should look at in a knowledge base: what is said twice, and what contradicts itself."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from foundation.clients.embedding.port import Vectors
from foundation.ids import TenantId
from foundation.tenancy import Tenancy
from ingest.claims import Claim, claims, contradict

MOST = 20_000
"""Passages looked at, the newest first; every one is compared with every other, which takes some seconds."""
_NEIGHBOURS = 12
_BLOCK = 1_000
_SAME = 0.8
_SHORTEST = 5

_PASSAGES = """
    select p.id, p.source_id, coalesce(nullif(v.title, ''), s.name) as title, p.heading, p.page, p.language,
           p.text, e.vector, count(*) over () as there
    from passages p
    join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id
    join source_versions v on v.tenant_id = p.tenant_id and v.source_id = p.source_id
      and v.version = p.version
    join vector_collections c on c.tenant_id = p.tenant_id and c.live
    join embeddings e on e.tenant_id = p.tenant_id and e.content_hash = p.content_hash and e.model = c.model
    where p.live
    order by p.id desc
    limit :most
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A passage and where it stands."""

    passage_id: UUID
    source_id: UUID
    title: str
    heading: str
    page: int | None
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two passages that say nearly the same; `alike` is the share of their words in common, 0..1."""

    one: Place
    other: Place
    alike: float


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two passages that say the same of different amounts, with the sentences that do."""

    one: Place
    other: Place
    one_says: str
    other_says: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found among `looked_at` of `passages` live passages."""

    passages: int
    looked_at: int
    duplicates: tuple[Duplicate, ...]
    contradictions: tuple[Contradiction, ...]


async def examine(tenancy: Tenancy, tenant_id: TenantId, *, most: int = MOST) -> Report:
    """Compare the tenant's live passages with each other, off the event loop.

    Candidates are each passage's nearest in meaning; words and amounts decide. Passages of different
    languages are not compared: their words would not tell.
    """
    async with tenancy.session(tenant_id) as session:
        rows = (await session.execute(text(_PASSAGES), {"most": most})).all()
    places = [
        Place(row.id, row.source_id, row.title, row.heading, row.page, row.language, row.text) for row in rows
    ]
    vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4").reshape(
        len(rows), -1 if rows else 0
    )
    duplicates, contradictions = await asyncio.to_thread(compare, places, vectors)
    return Report(rows[0].there if rows else 0, len(rows), duplicates, contradictions)


def compare(
    places: Sequence[Place], vectors: Vectors
) -> tuple[tuple[Duplicate, ...], tuple[Contradiction, ...]]:
    """Return the duplicates, the most alike first, and the contradictions; `vectors` are the places' own."""
    words = [frozenset(re.findall(r"\w+", place.text.lower())) for place in places]
    said = [tuple(claims(place.text)) for place in places]
    duplicates, contradictions = [], []
    for one, other in _near(places, vectors):
        shared = len(words[one] & words[other]) / max(1, len(words[one] | words[other]))
        pair = _differing(said[one], said[other])
        if pair is not None:
            contradictions.append(Contradiction(places[one], places[other], pair[0].text, pair[1].text))
        elif shared >= _SAME and len(words[one]) >= _SHORTEST:
            duplicates.append(Duplicate(places[one], places[other], round(shared, 3)))
    duplicates.sort(key=lambda found: -found.alike)
    return tuple(duplicates), tuple(contradictions)


def _near(places: Sequence[Place], vectors: Vectors) -> Iterator[tuple[int, int]]:
    """Yield each pair of neighbours of one language once, the later passage first."""
    seen: set[tuple[int, int]] = set()
    for start in range(0, len(places), _BLOCK):
        similar = vectors[start : start + _BLOCK] @ vectors.T
        for row, nearest in enumerate(_best(similar, _NEIGHBOURS + 1), start):
            for column in nearest:
                pair = (min(row, int(column)), max(row, int(column)))
                if row != column and pair not in seen and places[row].language == places[column].language:
                    seen.add(pair)
                    yield pair


def _best(similar: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the columns of each row's largest values, in any order."""
    count = min(count, similar.shape[1])
    return np.argpartition(-similar, count - 1, axis=1)[:, :count]


def _differing(one: Sequence[Claim], other: Sequence[Claim]) -> tuple[Claim, Claim] | None:
    """Return the first claims that contradict, unless the other passage also says what the one does."""
    for mine in one:
        for theirs in other:
            if contradict(mine, theirs) and not any(mine.amounts <= each.amounts for each in other):
                return mine, theirs
    return None
