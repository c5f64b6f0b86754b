"""The home folder: its lock, its secrets, its run file, and what services get to see."""

import os
import socket
from pathlib import Path

import pytest

from foundation.errors import StartError
from foundation.settings import Settings
from foundation.stack.environment import child_environment, quiet_environment
from foundation.stack.home import is_locked, locked, make_home, with_secrets
from foundation.stack.ports import answers, free_ports, require_free
from foundation.stack.runfile import RunFile


def settings(home: Path) -> Settings:
    return Settings.load({"REPLIK_HOME": str(home), "REDIS_URL": "redis://:pw@h/0"})


def test_a_home_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(StartError, match="already runs on REPLIK_HOME"), locked(tmp_path):
            pass
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass


def test_the_demo_key_is_made_once_and_private(tmp_path: Path) -> None:
    make_home(tmp_path / "home")
    first = with_secrets(settings(tmp_path / "home")).encryption_key
    assert first is not None
    assert len(first.get_secret_value()) == 64
    assert with_secrets(settings(tmp_path / "home")).encryption_key == first
    assert (tmp_path / "home" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_broken_secrets_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{}")
    with pytest.raises(StartError, match="set ENCRYPTION_KEY"):
        with_secrets(settings(tmp_path))
    assert (tmp_path / "secrets.json").read_text() == "{}"


def test_a_run_file_counts_only_while_its_replik_runs(tmp_path: Path) -> None:
    assert RunFile.read(tmp_path) is None
    with locked(tmp_path):
        RunFile.of(settings(tmp_path)).write(tmp_path)
        found = RunFile.read(tmp_path)
        assert found is not None
        assert (found.pid, found.port, found.urls) == (os.getpid(), 8000, {"redis_url": "redis://:pw@h/0"})
        assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
    assert RunFile.read(tmp_path) is None
    RunFile.remove(tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_services_see_no_secret_and_no_stray_configuration() -> None:
    environ = {"PATH": "/bin", "OPENAI_API_KEY": "x", "CHROMA_PORT": "1", "PGHOST": "h", "REPLIK_HOME": "y"}
    seen = child_environment(environ)
    assert seen["PATH"] == "/bin"
    assert not {"OPENAI_API_KEY", "CHROMA_PORT", "PGHOST", "REPLIK_HOME"} & seen.keys()
    assert seen.items() >= quiet_environment().items()
    assert quiet_environment()["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_taken_port_is_named() -> None:
    first, second = free_ports(2)
    assert first != second
    require_free("127.0.0.1", first)
    with socket.socket() as server:
        server.bind(("127.0.0.1", first))
        server.listen()
        assert answers(first)
        with pytest.raises(StartError) as caught:
            require_free("127.0.0.1", first)
    assert str(caught.value).startswith(f"REPLIK_PORT {first} is taken: stop the program that uses it")


@pytest.mark.parametrize("host", ["192.0.2.1", "not an address"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(StartError, match=r"^REPLIK_HOST .* set REPLIK_HOST"):
        require_free(host, 0)
