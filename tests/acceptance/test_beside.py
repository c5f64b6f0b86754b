"""What is done beside a running Replik, and to it: import, a killed host, and who calls whom."""

import json
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance.conftest import eventually
from tests.acceptance.test_own_material import pdf
from tests.acceptance.test_process import add_text, heard, run_cli, say, states
from tests.acceptance.watch import Watcher
from tests.support.ask import ask, start_conversation
from tests.support.running import Running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

HOST = "ray::ServeReplica:replik:ConversationHost"


def test_a_folder_is_imported_beside_a_running_replik(
    shop: Running, http: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "bastu.md").write_text("# Bastun\n\nBastun värms till 85 grader varje lördag.\n")
    (tmp_path / "under").mkdir()
    (tmp_path / "under" / "pool.html").write_text("<h1>Pool</h1><p>The pool is 12 metres long.</p>")
    (tmp_path / "tom.txt").touch()
    (tmp_path / "hemlig.pdf").write_bytes(pdf("Hemligt", password="x"))
    here = {"REPLIK_HOME": str(shop.home), "REPLIK_PORT": shop.url.rsplit(":", 1)[1]}

    first = run_cli("knowledge", "import", str(tmp_path), "--tenant", "own", **here)
    assert first.returncode == 0, first.stdout + first.stderr
    summary = json.loads(first.stdout.splitlines()[-1])
    assert summary["documents"] == 2
    assert summary["failed"] == {"hemlig.pdf": "password", "tom.txt": "empty"}
    answer = ask(http, shop.key("server key", 1), "Hur varm är bastun?")
    assert "85 grader" in answer["message"]["text"]
    assert answer["message"]["citations"]

    again = run_cli("knowledge", "import", str(tmp_path), "--tenant", "own", **here)
    summary = json.loads(again.stdout.splitlines()[-1])
    assert (summary["documents"], summary["skipped"]) == (0, 2)
    assert summary["failed"] == {"hemlig.pdf": "password", "tom.txt": "empty"}

    unknown = run_cli("knowledge", "import", str(tmp_path), "--tenant", "nobody", **here)
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("replik: There is no tenant 'nobody'")
    assert len(unknown.stderr.splitlines()) == 1


def host(replik: Running) -> psutil.Process:
    """Return the process that runs the conversations."""
    (found,) = (one for one in replik.processes() if _title(one).startswith(HOST))
    return found


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_an_accepted_message_is_answered_though_its_host_is_killed(shop: Running, http: httpx.Client) -> None:
    path, visitor = start_conversation(http, shop.key("widget key"))
    say(http, path, visitor, "Hej!")
    assert len(heard(http, path, visitor, 1)) == 2
    victim = host(shop)
    victim.suspend()  # it holds the conversation, and cannot answer
    say(http, path, visitor, "Vad kostar frakten till ombud?")
    victim.kill()
    greeted, greeting, asked, answer = heard(http, path, visitor, 2)
    assert [greeted["author"], greeting["author"], asked["author"]] == ["customer", "agent", "customer"]
    assert "49 kr" in answer["text"]
    assert not victim.is_running()
    assert host(shop).pid != victim.pid
    eventually(lambda: http.get("/api/health").json()["status"] == "ok", "all is well again", 60)


def test_nothing_phones_home(watched: tuple[Running, Watcher], shop: Running, http: httpx.Client) -> None:
    """From the first moment: start, ingestion, answers, and all that the other stories did meanwhile."""
    _, watcher = watched
    ask(http, shop.key("server key"), "Hur lång reklamationsrätt har jag?")
    add_text(http, "Biljard", "Biljardbordet kostar 120 kronor i timmen.")
    eventually(lambda: states(http).get("Biljard") == "ready", "the text is read")
    watcher.after(3)
    assert watcher.looks > 20
    assert watcher.connections > 20  # PostgreSQL, Valkey, Chroma, Ray
    assert watcher.outside == set()
    # Ray Serve opens a port of each replica on all interfaces, hard-coded; nothing else is open.
    assert {name.split(":")[2] for name in watcher.exposed} <= {"ServeReplica"}
