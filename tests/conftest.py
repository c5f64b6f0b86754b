"""House rules for every test: nothing leaves this machine, and in CI a skipped test is a failed one."""

import ipaddress
import os
import sys
from collections.abc import Generator, Iterator

import pytest

MAY_SKIP: frozenset[str] = frozenset()
"""Reasons that CI accepts for skipping a test; each with a comment that says why."""

_attempts: list[str] = []


class OutsideCall(RuntimeError):
    """A test tried to reach something beyond this machine."""


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False  # a name: finding its address asks a server elsewhere
    return address.is_loopback or address.is_unspecified


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: it sees every socket of this process, whichever library opens it."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket, or one that is connected already
        host = address[0]
    else:
        return
    if not _is_here(host):
        _attempts.append(f"{event} {host!r}")
        raise OutsideCall(f"Tests must not leave this machine, and this one tried to: {event} {host!r}.")


sys.addaudithook(_refuse_outside)


@pytest.fixture
def outside_attempts() -> list[str]:
    """What a test of the guard itself tried; it empties the list when it has seen enough."""
    return _attempts


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine() -> Iterator[None]:
    """Fail also when the code under test has swallowed the refusal."""
    _attempts.clear()
    yield
    assert _attempts == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


def _fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if reason not in MAY_SKIP:
        report.outcome = "failed"
        report.longrepr = f"Skipped in CI, where everything runs: {reason}"
