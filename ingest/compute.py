"""Where the heavy work of ingestion is done: bytes in, values out, no database and no credentials."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from foundation.clients.embedding.port import Embedder, Vectors
from foundation.errors import ExtractionFailed
from ingest.extract import Document, Reason
from ingest.extract import extract as extract_now

EXTRACTION_SECONDS = 60.0
"""A document that takes longer is refused."""


class Compute(Protocol):
    """Extraction and embedding, off the event loop."""

    @property
    def model(self) -> str:
        """The embedding model's stable name."""
        ...

    @property
    def in_flight(self) -> int:
        """How many batches keep it busy; more at once only wait."""
        ...

    async def extract(self, content: bytes, name: str) -> Document:
        """Return the document in a file.

        Raises:
            ExtractionFailed: with `reason`; `too_demanding` when it took too long or too much memory.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages."""
        ...


@dataclass(frozen=True, slots=True)
class ThreadCompute:
    """Does the work in threads of this process. A document that hangs is given up, its thread is not."""

    embedder: Embedder
    in_flight: int = 2
    seconds: float = EXTRACTION_SECONDS

    @property
    def model(self) -> str:
        return self.embedder.model

    async def extract(self, content: bytes, name: str) -> Document:
        try:
            async with asyncio.timeout(self.seconds):
                return await asyncio.to_thread(extract_now, content, name)
        except TimeoutError:
            raise ExtractionFailed(reason=Reason.TOO_DEMANDING) from None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await self.embedder.passages(texts)
