"""The embedded services, for real: start, use, stop, and every way in which that can go wrong."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
import redis.asyncio

from foundation.database.roles import ensure_database
from foundation.errors import StartError
from foundation.settings import Settings
from foundation.stack import chroma, postgres, valkey
from foundation.stack.doctor import examine, healthy
from foundation.stack.embedded import Stack, open_stack
from foundation.stack.ports import free_ports
from foundation.stack.runfile import RunFile

pytestmark = pytest.mark.integration

HOLD = """
import asyncio, os, sys
from foundation.database.roles import ensure_database
from foundation.settings import Settings
from foundation.stack.embedded import open_stack

async def main():
    async with open_stack(Settings.load({"REPLIK_HOME": sys.argv[1]}), os.environ, ensure_database):
        print("up", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: when we are root, PostgreSQL's own account has to pass through the folders above.
    folder = Path(tempfile.mkdtemp(prefix="replik-test-"))
    yield folder
    assert processes_of(folder) == []
    shutil.rmtree(folder, ignore_errors=True)


def start(home: Path, **more: str) -> AbstractAsyncContextManager[Stack]:
    settings = Settings.load({"REPLIK_HOME": str(home), **more})
    return open_stack(settings, os.environ, ensure_database)


def processes_of(home: Path) -> list[str]:
    """Return the command lines of the processes that serve a home."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if str(home) in line or process.cwd().startswith(str(home)):
                found.append(line)
        except psutil.Error:
            continue
    return found


async def refused(home: Path, **more: str) -> str:
    """Return the one sentence with which a start is refused."""
    with pytest.raises(StartError) as caught:
        async with start(home, **more):
            pass
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


async def set_note(settings: Settings, text: str) -> None:
    assert settings.database_migrator_url is not None
    url = settings.database_migrator_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("create table if not exists note (text text)")
        await connection.execute("insert into note values (%s)", [text])


async def notes(settings: Settings) -> list[str]:
    assert settings.database_migrator_url is not None
    url = settings.database_migrator_url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return [row[0] for row in await (await connection.execute("select text from note")).fetchall()]


async def test_services_start_work_and_stop_and_a_second_start_keeps_the_data(home: Path) -> None:
    async with start(home) as stack:
        settings = stack.settings
        assert settings.redis_url is not None
        assert settings.chroma_url is not None
        assert settings.encryption_key is not None
        await set_note(settings, "hej")
        client = redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value())
        await client.set("a", "b")
        assert await client.get("a") == b"b"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "volatile-lru"
        await client.aclose()
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{settings.chroma_url}/api/v2/heartbeat")).is_success
        key = settings.encryption_key
        RunFile.of(settings).write(home)
        assert RunFile.read(home) is not None
        # Secrets are for their owner's eyes.
        private = ("secrets.json", "run.json", "valkey/valkey.conf")
        assert all((home / name).stat().st_mode & 0o077 == 0 for name in private)
    assert processes_of(home) == []
    assert RunFile.read(home) is None  # left over, and known to be

    async with start(home) as stack:
        assert await notes(stack.settings) == ["hej"]
        assert stack.settings.encryption_key == key


async def test_services_listen_on_loopback_only(home: Path) -> None:
    async with start(home) as stack:
        pids = {
            child.pid
            for one in stack.children
            for child in psutil.Process(one.keeper.pid).children(recursive=True)
        }
        # All of the machine's, since a PostgreSQL worker of a moment ago may be gone when it is asked.
        connections = psutil.net_connections("inet")
        listening = [c for c in connections if c.pid in pids and c.status == "LISTEN"]
        assert len(listening) == 2  # Valkey and Chroma; PostgreSQL has its socket file
        assert {connection.laddr[0] for connection in listening if connection.laddr} == {"127.0.0.1"}


async def test_valkey_asks_for_the_password(home: Path) -> None:
    async with start(home) as stack:
        assert stack.settings.redis_url is not None
        port = stack.settings.redis_url.get_secret_value().rpartition(":")[2].removesuffix("/0")
        sentence = await refused(home / "other", REDIS_URL=f"redis://127.0.0.1:{port}/0")
        assert sentence.startswith("REDIS_URL is refused")
        assert "password" in sentence


@pytest.mark.parametrize("keepers_too", [False, True])
async def test_killing_the_parent_leaves_no_process_and_no_broken_data(home: Path, keepers_too: bool) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(home)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"up\n"
    keepers = psutil.Process(parent.pid).children()
    for process in keepers if keepers_too else []:
        process.kill()
    parent.kill()
    await parent.wait()
    async with start(home) as stack:  # at once: what is left must not stand in the way
        await set_note(stack.settings, "again")
    for _ in range(100):
        if not processes_of(home):
            break
        await asyncio.sleep(0.1)
    assert processes_of(home) == []


async def test_interrupting_from_the_terminal_reaches_the_parent_alone(home: Path) -> None:
    async with start(home) as stack:
        groups = {os.getpgid(child.keeper.pid) for child in stack.children}
        assert os.getpgid(0) not in groups


async def test_a_service_that_dies_is_noticed(home: Path) -> None:
    async with start(home) as stack:
        cache = next(child for child in stack.children if child.command.name == "Valkey")
        for process in psutil.Process(cache.keeper.pid).children():
            process.send_signal(signal.SIGKILL)
        assert (await asyncio.wait_for(stack.ended(), 5)).startswith("Valkey stopped unexpectedly")


async def test_two_homes_run_side_by_side(home: Path) -> None:
    async with start(home / "a") as first, start(home / "b") as second:
        await set_note(first.settings, "first")
        await set_note(second.settings, "second")
        assert await notes(first.settings) == ["first"]
        assert first.settings.encryption_key != second.settings.encryption_key


async def test_a_home_is_used_once_at_a_time(home: Path) -> None:
    async with start(home):
        assert await refused(home) == (
            f"Replik already runs on REPLIK_HOME {home}: stop it, or set REPLIK_HOME to another folder."
        )


async def test_a_very_long_home_works(home: Path) -> None:
    deep = home / ("x" * 120) / "replik"
    async with start(deep) as stack:
        await set_note(stack.settings, "far")


async def test_a_stale_process_id_does_not_stop_the_database(home: Path) -> None:
    async with start(home):
        pass
    lines = [str(os.getpid()), str(home / "postgres"), "1", "5432", str(home / "run"), "", "1 1", "ready"]
    (home / "postgres" / "postmaster.pid").write_text("\n".join(lines))
    async with start(home) as stack:
        await set_note(stack.settings, "fine")


async def test_outside_services_are_used_and_not_started(home: Path) -> None:
    async with start(home / "theirs") as theirs:
        urls = {
            name.upper(): value if isinstance(value, str) else value.get_secret_value()
            for name in RunFile.of(theirs.settings).urls
            if (value := getattr(theirs.settings, name)) is not None
        }
        async with start(home / "ours", **urls) as ours:
            assert ours.children == ()
            assert ours.settings.redis_url == theirs.settings.redis_url
            assert not (home / "ours" / "postgres").exists()


async def test_outside_services_that_do_not_answer_are_named(home: Path) -> None:
    (port,) = free_ports(1)
    database = f"postgresql://app:hemligt@127.0.0.1:{port}/replik"
    names = ("DATABASE_URL", "DATABASE_MIGRATOR_URL", "DATABASE_WORKER_URL", "DATABASE_SYSTEM_URL")
    redis_url = f"redis://:hemligt@127.0.0.1:{port}"
    for setting, given in (
        ("DATABASE_URL", dict.fromkeys(names, database)),
        ("REDIS_URL", {"REDIS_URL": redis_url}),
        ("CHROMA_URL", {"CHROMA_URL": f"http://127.0.0.1:{port}"}),
    ):
        sentence = await refused(home, **given)
        assert sentence.startswith(f"{setting} leads to 127.0.0.1:{port}, where no ")
        assert "hemligt" not in sentence


async def test_damaged_data_is_named_with_its_remedy(home: Path) -> None:
    async with start(home):
        pass
    control = home / "postgres" / "global" / "pg_control"
    kept = control.read_bytes()
    control.write_bytes(kept[:100])
    sentence = await refused(home)
    assert f"The database in {home / 'postgres'} cannot be opened" in sentence
    assert "DATABASE_URL" in sentence
    control.write_bytes(kept)

    (home / "postgres" / "PG_VERSION").rename(home / "version")
    assert "is damaged (PG_VERSION is missing)" in await refused(home)
    (home / "version").rename(home / "postgres" / "PG_VERSION")

    (home / "chroma" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    sentence = await refused(home)
    assert f"The vector index in {home / 'chroma'} cannot be opened" in sentence
    assert "CHROMA_URL" in sentence
    shutil.rmtree(home / "chroma")

    (home / "secrets.json").write_text("{")
    assert "set ENCRYPTION_KEY" in await refused(home)


async def test_an_interrupted_first_start_is_forgotten(home: Path) -> None:
    (home / "postgres.new" / "base").mkdir(parents=True)
    async with start(home) as stack:
        await set_note(stack.settings, "made")
    assert not (home / "postgres.new").exists()


async def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("")
    sentence = await refused(home / "file" / "home")
    assert sentence.startswith(f"REPLIK_HOME {home}/file/home cannot be written")


@pytest.mark.parametrize(
    ("part", "setting"), [(postgres, "DATABASE_URL"), (valkey, "REDIS_URL"), (chroma, "CHROMA_URL")]
)
async def test_a_missing_program_is_named(
    home: Path, part: object, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if part is chroma:
        monkeypatch.setattr(chroma, "_PROGRAM", home / "chroma-program")
    else:
        monkeypatch.setattr(part, "find_spec", lambda _name: None)
    sentence = await refused(home)
    assert "is not installed" in sentence
    assert f"set {setting}" in sentence


async def test_the_doctor_finds_all_well_running_or_not_and_leaves_nothing(home: Path) -> None:
    environ = {**os.environ, "REPLIK_HOME": str(home), "REPLIK_PORT": str(free_ports(1)[0])}

    async def services() -> dict[str, bool]:
        checks = await examine(environ, None, ensure_database)
        assert healthy([check for check in checks if check.name not in {"Web parts", "Disk space"}]), checks
        return {check.name: check.ok for check in checks}

    assert (await services())["PostgreSQL"]
    assert not (home / "postgres").exists()
    async with open_stack(Settings.load(environ), os.environ, ensure_database) as stack:
        RunFile.of(stack.settings).write(home)
        assert (await services())["Chroma"]
