"""The rules that tests/conftest.py lays on every test do bite."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
OUTSIDE = "203.0.113.7"  # reserved for documentation (RFC 5737): nobody is there


def _connect() -> None:
    socket.create_connection((OUTSIDE, 9), timeout=1)


def _datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"hello", (OUTSIDE, 9))


def _http() -> None:
    httpx.get(f"http://{OUTSIDE}/", trust_env=False)


async def _open_connection() -> None:
    await asyncio.open_connection(OUTSIDE, 9)


def _asyncio() -> None:
    asyncio.run(_open_connection())


def _look_up() -> None:
    socket.getaddrinfo("replik.example", 443)


@pytest.mark.parametrize("leave", [_connect, _datagram, _http, _asyncio, _look_up])
def test_no_test_leaves_this_machine(leave: Callable[[], None], outside_attempts: list[str]) -> None:
    with pytest.raises(RuntimeError, match="must not leave this machine"):
        leave()
    assert outside_attempts
    outside_attempts.clear()


def test_this_machine_itself_may_be_called(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


STORIES = """
import importlib, socket, pytest

def test_fine(): pass
def test_skips(): pytest.skip("no browser")
@pytest.mark.skip(reason="not today")
def test_is_skipped(): pass
@pytest.mark.xfail(reason="known")
def test_is_known(): assert False
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(STORIES)
    return pytester


def test_a_skipped_test_fails_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(test_module="import pytest\npytest.skip('no Ray', allow_module_level=True)")
    result = project.runpytest_subprocess("--continue-on-collection-errors")
    # The skip inside a test and that of a whole module as well as the mark, which is set up and not called.
    result.assert_outcomes(passed=1, failed=1, errors=2, xfailed=1)
    result.stdout.fnmatch_lines_random(["*Skipped in CI*no browser*", "*Skipped in CI*no Ray*"])


def test_a_skipped_test_is_only_skipped_elsewhere(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    project.runpytest_subprocess().assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_a_documented_reason_may_skip_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    allowing = CONFTEST.read_text().replace("= frozenset()", '= frozenset({"no browser", "not today"})')
    project.makeconftest(allowing)
    project.runpytest_subprocess().assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_a_swallowed_refusal_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyfile(
        f"""
import socket
def test_swallows():
    try: socket.create_connection(("{OUTSIDE}", 9), timeout=1)
    except Exception: pass
"""
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1, errors=1)
