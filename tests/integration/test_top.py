"""What `replik top` shows, as an operator starts it, and that it ends as one expects."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.settings import ROOT, Settings, env_name
from foundation.stack.home import locked
from foundation.stack.runfile import RunFile
from foundation.tenancy import Tenancy
from serve.readings import Reading, read
from serve.top import LOST_SINCE, Frame, described, drawn
from tests.support.gateway import settings_for
from tests.support.hosts import add_host, beat

COMMAND = [sys.executable, "-m", "serve.cli", "top"]
STATS = {"active": 12, "running": 3, "waiting": 1, "turns": 40, "failed": 2, "limit": 64, "loop_lag_ms": 1.5}


def environment(settings: Settings, *fields: str) -> dict[str, str]:
    """Return what an operator's shell has set: the home, and the given settings."""
    given = {env_name(field): getattr(settings, field) for field in ("home", *fields)}
    shown = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
    }
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **shown}


ROLES = ("database_url", "database_migrator_url", "database_worker_url", "database_system_url")


@pytest.fixture
def settings(database_urls: DatabaseUrls, tmp_path: Path) -> Settings:
    return settings_for(database_urls, "redis://127.0.0.1:9/0", tmp_path)


@pytest.fixture
def running(settings: Settings) -> Iterator[Settings]:
    """What another command finds of a Replik that runs: its lock and its run file."""
    with locked(settings.home):
        RunFile.of(settings).write(settings.home)
        yield settings


def run_top(environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--every", "1", *options],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def readings(urls: DatabaseUrls) -> Reading:
    engine = connect(urls.system, pool_size=1)
    try:
        return await read(engine, lost_since=LOST_SINCE)
    finally:
        await engine.dispose()


def row(printed: str, name: str) -> str:
    """Return a host's line after its name, with single spaces."""
    [line] = [line for line in printed.splitlines() if line.startswith(name)]
    return " ".join(line.split()[1:])


async def test_one_frame_beside_a_running_replik(running: Settings, tenancy: Tenancy) -> None:
    await add_host(tenancy, stats=STATS | {"name": "one-frame:1"})
    done = run_top(environment(running), "--once")
    assert (done.returncode, done.stderr) == (0, "")
    # The lease runs out, the host grows older, and without a heartbeat there is no rate.
    assert re.fullmatch(r"\d+\.\d s \d:\d\d:\d\d 12 3/64 1 – 2 1.5 ms", row(done.stdout, "one-frame:1"))
    assert "queue: " in done.stdout


async def test_a_line_of_json_for_programs(running: Settings, tenancy: Tenancy) -> None:
    await add_host(tenancy, stats=STATS | {"name": "in-json:1"})
    done = run_top(environment(running), "--json")
    [line] = done.stdout.splitlines()
    said = json.loads(line)
    [host] = [host for host in said["hosts"] if host["name"] == "in-json:1"]
    assert 0 < host.pop("lease_left_s") <= 60
    assert host.pop("up_s") > 0
    assert host == {
        "name": "in-json:1",
        "activations": 12,
        "running": 3,
        "turn_limit": 64,
        "waiting": 1,
        "turns": 40,
        "failed": 2,
        "turns_per_s": None,
        "loop_lag_ms": 1.5,
    }
    assert said["activations"] >= 12
    assert said.keys() >= {"turns_per_s", "queued", "running", "oldest_waiting_s"}


async def test_the_settings_lead_to_a_replik_elsewhere(settings: Settings, tenancy: Tenancy) -> None:
    await add_host(tenancy, stats={"name": "elsewhere:1"})
    done = run_top(environment(settings, *ROLES), "--once")
    assert row(done.stdout, "elsewhere:1").endswith(" 0 0 0 – 0 0.0 ms")


def test_without_a_running_replik_it_says_so(settings: Settings) -> None:
    done = run_top(environment(settings), "--once")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"replik: No Replik runs on REPLIK_HOME {settings.home}: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_is_away_is_a_sentence(settings: Settings) -> None:
    away = settings.evolve(
        **dict.fromkeys(ROLES, SecretStr("postgresql://somebody:geheim@127.0.0.1:9/replik"))
    )
    done = run_top(environment(away, *ROLES), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "dependency_unavailable" in done.stderr
    assert "geheim" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_the_rate_is_what_happened_between_two_heartbeats(
    database_urls: DatabaseUrls, tenancy: Tenancy
) -> None:
    host_id = await add_host(tenancy, stats=STATS | {"name": "rate:1"})
    still = await add_host(tenancy, stats=STATS | {"name": "still:1"})
    before = await readings(database_urls)
    await beat(tenancy, host_id, seconds=2, turns=55)
    frame = Frame(before, await readings(database_urls))
    rates = {host.id: frame.rate(host) for host in frame.now.hosts}
    assert (rates[host_id], rates[still]) == (7.5, None)
    assert described(frame)["turns_per_s"] == 7.5


async def test_a_lost_host_stays_in_sight_and_out_of_the_totals(
    database_urls: DatabaseUrls, tenancy: Tenancy
) -> None:
    before = described(Frame(*[await readings(database_urls)] * 2))
    await add_host(tenancy, stats=STATS | {"name": "lost:1"}, lease_s=-5)
    await add_host(tenancy, stats=STATS | {"name": "long-gone:1"}, lease_s=-600)
    frame = Frame(*[await readings(database_urls)] * 2)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(drawn(frame))
    printed = captured.get()
    assert re.match(r"lost \d+ s ", row(printed, "lost:1"))
    assert "long-gone:1" not in printed
    assert described(frame)["activations"] == before["activations"]


@pytest.mark.parametrize("away", [False, True])
async def test_ctrl_c_leaves_the_terminal_as_it_was(running: Settings, tenancy: Tenancy, away: bool) -> None:
    """Also while the database is away, which the screen says and which ends nothing."""
    await add_host(tenancy, stats={"name": "live:1"})
    if away:
        url = "postgresql://somebody@127.0.0.1:9/replik"
        RunFile.of(running.evolve(database_system_url=SecretStr(url))).write(running.home)
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 80))
    process = subprocess.Popen(
        [*COMMAND, "--every", "1"],
        cwd=ROOT,
        env=environment(running),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        shown = read_until(mine, b"does not answer" if away else b"live:1")
        process.send_signal(signal.SIGINT)
        rest = read_until(mine, None)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(mine)
    assert b"\x1b[?1049h" in shown  # the alternate screen
    assert b"\x1b[?1049l" in rest  # and back
    assert b"\x1b[?25h" in rest  # with its cursor
    assert b"Traceback" not in rest


def read_until(terminal: int, words: bytes | None) -> bytes:
    """Read a terminal until it has shown the words, or until its program is gone."""
    seen = b""
    while words is None or words not in seen:
        assert select.select([terminal], [], [], 30)[0], seen.decode(errors="replace")
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # how Linux says that nobody holds the other end
            piece = b""
        if not piece:
            assert words is None, seen.decode(errors="replace")
            break
        seen += piece
    return seen
