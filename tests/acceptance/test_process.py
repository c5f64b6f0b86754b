"""Replik as a process: it starts, stops, is killed, refuses what is wrong, and keeps what it was given."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest

from foundation.stack.ports import answers, free_ports
from tests.acceptance.conftest import eventually
from tests.acceptance.watch import Watcher
from tests.support.ask import Json, ask, events, start_conversation
from tests.support.running import REPLIK, ROOT, Running, running_replik, short_home

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

MARK = "REPLIK_STORY"
NOBODY = "203.0.113.7"  # reserved for documentation (RFC 5737)
HOURS = "Klätterväggen öppnar klockan 06.45 på vardagar."


def left_of(mark: str, home: Path) -> list[str]:
    """Return the processes that a start with this mark, or on this home, has left behind."""
    left = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                theirs = process.environ().get(MARK) == mark
                theirs = theirs or any(str(home) in word for word in (process.cwd(), *process.cmdline()))
                if theirs and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                    left.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
        except psutil.Error:
            continue
    return left


def say(client: httpx.Client, path: str, headers: dict[str, str], text: str) -> None:
    body = {"client_message_id": str(uuid4()), "text": text}
    client.post(f"{path}/messages", json=body, headers=headers).raise_for_status()


def heard(client: httpx.Client, path: str, headers: dict[str, str], turns: int) -> list[Json]:
    """Return the messages of a conversation, once that many turns are done."""
    messages: list[Json] = []
    for _, name, data in events(client, path, headers):
        if name in {"accepted", "message", "handover"}:
            messages.append(data)
        turns -= name == "done"
        if turns == 0:
            break
    return messages


def add_text(client: httpx.Client, title: str, text: str) -> str:
    response = client.post("/api/demo/sources", json={"title": title, "text": text})
    response.raise_for_status()
    return str(response.json()["source_id"])


def states(client: httpx.Client) -> dict[str, str]:
    """Return the sources of one's own desk: state by name."""
    listed = client.get("/api/demo/sources").json()["sources"]
    return {source["name"]: source["state"] for source in listed}


def test_what_was_given_survives_ctrl_c_and_a_kill(replik: Running, http: httpx.Client) -> None:
    """Three starts on one home, beside another Replik on another home."""
    mark, port = str(uuid4()), free_ports(1)[0]
    with short_home() as home:
        begun = time.monotonic()
        with running_replik(home, port, {MARK: mark}) as first:
            print(f"\nfirst start {time.monotonic() - begun:.1f} s")
            with httpx.Client(base_url=first.url, timeout=60) as client:
                path, visitor = start_conversation(client, first.key("widget key"))
                say(client, path, visitor, "Hej!")
                before = heard(client, path, visitor, 1)
                add_text(client, "Klätterväggen", HOURS)
                # The neighbour knows nothing of it, and lets nobody in who belongs here.
                assert "Klätterväggen" not in states(http)
                assert http.get(f"{path}/events", headers=visitor).status_code == 401
                assert first.key("server key") != replik.key("server key")
            assert first.stop(signal.SIGINT) == 0
        assert left_of(mark, home) == []
        assert not answers(port)
        assert "Traceback" not in "".join(first.lines)  # the client left in the middle of a stream

        begun = time.monotonic()
        with running_replik(home, port, {MARK: mark}) as second:
            print(f"second start {time.monotonic() - begun:.1f} s")
            assert "demo_documents_queued" not in "".join(second.lines)
            with httpx.Client(base_url=second.url, timeout=60) as client:
                assert heard(client, path, visitor, 1) == before
                eventually(lambda: states(client) == {"Klätterväggen": "ready"}, "the text is read")
            second.process.kill()
            second.process.wait(10)
            eventually(lambda: left_of(mark, home) == [], lambda: f"gone is not {left_of(mark, home)}", 60)

        begun = time.monotonic()
        with running_replik(home, port, {MARK: mark}) as third:
            print(f"start after a kill {time.monotonic() - begun:.1f} s")
            with httpx.Client(base_url=third.url, timeout=60) as client:
                assert heard(client, path, visitor, 1) == before
                answer = ask(client, third.key("server key", 1), "När öppnar klätterväggen?")
                assert "06.45" in answer["message"]["text"]
                assert answer["message"]["citations"]
            assert third.stop(signal.SIGTERM) == 0
        assert left_of(mark, home) == []


def run_cli(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `replik` to its end."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return subprocess.run(
        [REPLIK, *arguments],
        cwd=ROOT,
        env=kept | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refusal(environ: Mapping[str, str]) -> str:
    """Start Replik with something wrong; return the one sentence that it says about it."""
    done = run_cli("run", **environ)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("replik: ")
    assert sentence.endswith(".")
    return sentence


NOWHERE = "127.0.0.1:1"
URLS = ("DATABASE_URL", "DATABASE_MIGRATOR_URL", "DATABASE_WORKER_URL", "DATABASE_SYSTEM_URL")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"REPLIK_PORT": "abc"}, "REPLIK_PORT"),
        ({"ENCRYPTION_KEY": "xyz"}, "ENCRYPTION_KEY"),
        (dict.fromkeys(URLS, f"postgresql://a:b@{NOWHERE}/c"), "DATABASE_URL"),
        ({"RAY_ADDRESS": NOWHERE}, "RAY_ADDRESS"),
        (
            {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_MODEL": "x", "OPENAI_API_KEY": "k"},
            "EMBEDDING_DIMENSIONS",
        ),
        ({"REPLIK_MODE": "production"}, "ENCRYPTION_KEY"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_setting_is_named_in_one_sentence(wrong: dict[str, str], named: str) -> None:
    with short_home() as home:
        environ = {"REPLIK_HOME": str(home), "REPLIK_PORT": str(free_ports(1)[0])} | wrong
        sentence = refusal(environ)
        assert named in sentence
        assert "xyz" not in sentence
        assert left_of("", home) == []


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    sentence = refusal({"REPLIK_HOME": str(home), "REPLIK_PORT": str(free_ports(1)[0])})
    assert f"REPLIK_HOME {home}" in sentence


def test_a_second_start_on_the_same_home_or_port_is_refused(replik: Running, http: httpx.Client) -> None:
    port = replik.url.rsplit(":", 1)[1]
    same_home = refusal({"REPLIK_HOME": str(replik.home), "REPLIK_PORT": str(free_ports(1)[0])})
    assert f"Replik already runs on REPLIK_HOME {replik.home}" in same_home
    with short_home() as home:
        assert f"REPLIK_PORT {port} is taken" in refusal({"REPLIK_HOME": str(home), "REPLIK_PORT": port})
    assert http.get("/api/health").json()["status"] == "ok"


def test_the_doctor_examines_a_running_replik(replik: Running) -> None:
    done = run_cli("doctor", REPLIK_HOME=str(replik.home), REPLIK_PORT=replik.url.rsplit(":", 1)[1])
    assert done.returncode == 0, done.stdout
    for check in ("Settings", "Port", "PostgreSQL", "Valkey", "Chroma", "Ray", "Embedding model"):
        assert check in done.stdout


def test_the_doctor_examines_what_does_not_run() -> None:
    with short_home() as home:
        done = run_cli("doctor", REPLIK_HOME=str(home), REPLIK_PORT=str(free_ports(1)[0]))
        assert done.returncode == 0, done.stdout
        assert "roles can log in" in done.stdout
        assert left_of("", home) == []


def test_the_doctor_names_a_wrong_setting() -> None:
    done = run_cli("doctor", REPLIK_PORT="abc")
    assert done.returncode == 1
    assert "REPLIK_PORT" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_planted_call_home_is_noticed() -> None:
    """The watcher finds a grandchild's connection. Nothing is sent: UDP only takes note of the address."""
    calls = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f"s.connect(('{NOBODY}', 9)); print('connected', flush=True); sys.stdin.read()"
    )
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {calls!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as planted:
        assert planted.stdout is not None
        assert planted.stdout.readline() == "connected\n"
        watcher = Watcher(planted.pid).start().after(2)
        watcher.stop()
        planted.communicate("")
    assert any(f"{NOBODY}:9" in one for one in watcher.outside)
