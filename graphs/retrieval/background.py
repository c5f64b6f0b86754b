"""Where languages lie in the embedder's space, and from where similarities of a question count."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import structlog

from foundation.clients.embedding.port import Embedder, Vectors
from foundation.turns import Language
from graphs.retrieval.bank import BANK
from graphs.retrieval.elsewhere import ELSEWHERE

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Place:
    middle: Vectors
    """Mean vector of the bank's questions in this language."""
    queries: Vectors
    passages: Vectors
    """The same texts embedded as passages."""
    crowding: float
    """Mean similarity of the two: what a passage of this language has in common with any question."""
    spread: float
    """Standard deviation of their similarities."""


class Background:
    """The bank's vectors, embedded once for each language that is asked for.

    They are kept in `folder`, if there is one: a language takes two seconds to embed.
    """

    def __init__(self, embedder: Embedder, folder: Path | None = None) -> None:
        self._embedder = embedder
        self._folder = folder
        self._places: dict[Language, _Place] = {}
        self._elsewhere: dict[Language, Vectors] = {}
        self._embedding = asyncio.Lock()

    async def carry(self, vector: Vectors, source: Language, target: Language) -> Vectors:
        """Return a question's vector moved from one language's place to another's, of length 1.

        Measured on Swedish questions to English answers: R@1 .33 becomes .38, R@10 .69 becomes .78.
        """
        if source == target:
            return vector
        moved = vector + (await self._place(target)).middle - (await self._place(source)).middle
        return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), dtype=np.float32)

    async def level(self, vector: Vectors, language: Language) -> float:
        """Return the mean similarity of a question to the bank in its language."""
        return float(((await self._place(language)).passages @ vector).mean())

    async def spread(self, language: Language) -> float:
        """Return the standard deviation of similarities in a language: the unit evidence is weighed in."""
        return max((await self._place(language)).spread, 1e-6)

    async def crowding(self, passages: Vectors, language: Language) -> Vectors:
        """Return how much nearer than usual passages (rows) of one language lie to whatever is asked.

        Some passages are near to every question, and most of all to those in words of another tone.
        """
        place = await self._place(language)
        near: Vectors = (passages @ place.queries.T).mean(axis=1) - place.crowding
        return near.astype(np.float32)

    async def elsewhere(self, vector: Vectors, language: Language) -> float:
        """Return how near a question lies to the nearest of the questions that are asked elsewhere.

        A language that has none of its own is carried to a related one.
        """
        target: Language = language if language in ELSEWHERE else "en" if language == "fi" else "sv"
        moved = await self.carry(vector, language, target)
        async with self._embedding:
            if target not in self._elsewhere:
                self._elsewhere[target] = await self._vectors("passages", ELSEWHERE[target])
        return float((self._elsewhere[target] @ moved).max())

    async def _place(self, language: Language) -> _Place:
        async with self._embedding:
            if language not in self._places:
                texts = BANK[language]
                queries = await self._vectors("queries", texts)
                passages = await self._vectors("passages", texts)
                near = passages @ queries.T
                self._places[language] = _Place(
                    queries.mean(axis=0), queries, passages, float(near.mean()), float(near.std())
                )
            return self._places[language]

    async def _vectors(self, kind: Literal["queries", "passages"], texts: Sequence[str]) -> Vectors:
        embed = self._embedder.queries if kind == "queries" else self._embedder.passages
        if self._folder is None:
            return await embed(texts)
        key = sha256("\0".join((self._embedder.model, str(self._embedder.dimensions), kind, *texts)).encode())
        file = self._folder / f"{key.hexdigest()[:32]}.f32"
        kept = await asyncio.to_thread(_kept, file, (len(texts), self._embedder.dimensions))
        if kept is not None:
            return kept
        vectors = await embed(texts)
        await asyncio.to_thread(_keep, file, vectors)
        return vectors


def _kept(file: Path, shape: tuple[int, int]) -> Vectors | None:
    """Return what a file has, or None when it is not there or is not what it should be."""
    try:
        vectors = np.fromfile(file, dtype="<f4").astype(np.float32)
    except OSError:
        return None
    whole = vectors.size == shape[0] * shape[1] and bool(np.isfinite(vectors).all()) and bool(vectors.any())
    return vectors.reshape(shape) if whole else None


def _keep(file: Path, vectors: Vectors) -> None:
    """Write a file at once or not at all: others may be reading and writing the same."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            half = Path(folder) / file.name
            half.write_bytes(vectors.astype("<f4").tobytes())
            half.replace(file)
    except OSError as error:
        log.warning("background_not_kept", error=type(error).__name__)
