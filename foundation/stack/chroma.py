"""The embedded Chroma: the vector index, which can be rebuilt from PostgreSQL at any time."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from foundation.errors import StartError
from foundation.stack.child import Child, Command, running, until_ready

_OWN = "set CHROMA_URL to a server of your own"
_PROGRAM = Path(sys.executable).with_name("chroma")
_OPEN_COLLECTIONS = 100
"""Indexes kept in memory; without a bound, 800 small collections took 2.4 GB."""


@dataclass(frozen=True, slots=True)
class Chroma:
    """A running server."""

    url: str
    child: Child


@asynccontextmanager
async def embedded_chroma(home: Path, port: int, environ: Mapping[str, str]) -> AsyncIterator[Chroma]:
    """Run Chroma on `home/chroma` and a loopback port for the length of the block.

    Raises:
        StartError: the program is missing, or does not start on this data.
    """
    if not _PROGRAM.is_file():
        raise StartError(
            "The embedded Chroma is not installed (package chromadb): run"
            f" `python3 foundation/bootstrap.py`, or {_OWN}."
        )
    folder = home / "chroma"
    folder.mkdir(mode=0o700, exist_ok=True)
    configuration = folder / "chroma.yaml"
    configuration.write_text(_configuration(port, folder))
    command = Command(
        name="Chroma",
        # Through the interpreter: the script's first line breaks when the path is long.
        arguments=[sys.executable, str(_PROGRAM), "run", str(configuration)],
        environ=environ,
        folder=folder,
        log=home / "logs" / "chroma.log",
    )
    url = f"http://127.0.0.1:{port}"
    async with running(command) as child:
        await until_ready(child, lambda: _beats(url), lambda: _failure(folder, child), wait_s=60)
        yield Chroma(url, child)


def _configuration(port: int, folder: Path) -> str:
    # No `open_telemetry` section: nothing is exported. The sync threshold is set by collection, not here.
    return yaml.safe_dump(
        {
            "port": port,
            "listen_address": "127.0.0.1",
            "persist_path": str(folder),
            "allow_reset": False,
            "segment_manager": {
                "hnsw_index_pool_cache_config": {"lru": {"capacity": _OPEN_COLLECTIONS}},
                "persist_path": str(folder),
            },
        }
    )


def _beats(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _failure(folder: Path, child: Child) -> str:
    lines = [line.strip() for line in child.said() if "rror" in line]
    reason = lines[-1][:200] if lines else "it was not ready in time"
    return (
        f"The vector index in {folder} cannot be opened ({reason}): move the folder away, it is rebuilt"
        f" from the database, or {_OWN}; the log is {child.command.log}."
    )
