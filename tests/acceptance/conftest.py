"""One running Replik for all stories that do not end it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Browser

from foundation.stack.ports import free_ports
from tests.acceptance.watch import Watcher
from tests.support.browser import Visitor, chromium, visitor
from tests.support.running import ROOT, Running, running_replik, short_home

DOCUMENTS = ROOT / "configs" / "demo" / "documents.yaml"

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def watched() -> Iterator[tuple[Running, Watcher]]:
    """A Replik, and who watches its connections from its first moment on."""
    everybody = {"RATE_LIMITS": "off"}  # one address plays them all
    with short_home() as home, running_replik(home, free_ports(1)[0], everybody, ready=False) as running:
        watcher = Watcher(running.process.pid).start()
        running.wait_for("Stop with Ctrl-C")
        yield running, watcher
        watcher.stop()
        assert running.process.poll() is None, f"it ended by itself:\n{''.join(running.lines[-40:])}"
        assert watcher.outside == set()


@pytest.fixture(scope="session")
def replik(watched: tuple[Running, Watcher]) -> Running:
    """The running Replik."""
    return watched[0]


@pytest.fixture(scope="session")
def http(replik: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=replik.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def shop(replik: Running) -> Running:
    """The running Replik, with all of the demo shop's documents read."""
    expected = len(yaml.safe_load(DOCUMENTS.read_text())["documents"])
    read = re.compile("source_(ready|not_read)")

    def count() -> int:
        return sum(bool(read.search(line)) for line in replik.lines)

    eventually(lambda: count() >= expected, "the demo shop's documents are read", 300)
    return replik


def eventually(holds: Callable[[], object], what: str | Callable[[], str], seconds: float = 180) -> None:
    """Ask again and again until it holds; `what` is asked when it did not.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            raise AssertionError(f"not in {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.2)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: REPLIK_SCREENSHOTS, else a temporary folder."""
    folder = Path(os.environ.get("REPLIK_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\nScreenshots: {folder}")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; per module, since Playwright's loop would be in the way of asynchronous tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, pictures: Path) -> Iterator[Visit]:
    """Opens a page as a new visitor. At the end nobody may have met an error or called elsewhere."""
    visitors: list[tuple[Visitor, set[str], bool]] = []
    with ExitStack() as exits:

        def open_page(
            url: str, *, others: tuple[str, ...] = (), quiet: bool = True, **options: object
        ) -> Visitor:
            context = browser.new_context(**{"locale": "sv-SE", **options})  # type: ignore[arg-type]
            exits.callback(context.close)
            someone = visitor(context, pictures)
            someone.page.goto(url)
            visitors.append((someone, {url.rstrip("/"), *others}, quiet))
            return someone

        yield open_page
        for someone, origins, quiet in visitors:
            assert someone.origins() <= origins
            assert someone.violations() == []
            assert someone.complaints == [] or not quiet
