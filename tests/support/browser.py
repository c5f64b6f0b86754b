"""Chromium, and a visitor who notices everything that a page does wrong."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    sync_playwright,
)

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_WATCH = """
window.seen = {violations: [], presses: 0};
addEventListener("securitypolicyviolation", (e) => {
  seen.violations.push(`${e.violatedDirective} ${e.blockedURI}`);
});
addEventListener("pointerdown", (e) => { if (e.isTrusted) seen.presses++; }, true);
"""


@cache
def chromium_path() -> Path:
    """Return the browser; install Debian's package where that is possible, else skip the test."""
    if not CHROMIUM.exists():
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip("no Chromium: install Debian's package chromium")
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
            subprocess.run(command, check=True, capture_output=True, timeout=300)
    return CHROMIUM


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser for the length of the block."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, chromium_sandbox=os.geteuid() != 0, args=list(FLAGS)
        )
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One person's browser window on the start page, or on a page with the widget."""

    page: Page
    pictures: Path
    """Folder for screenshots."""
    complaints: list[str] = field(default_factory=list)
    """Errors on the console and in scripts, in every tab."""
    asked: list[str] = field(default_factory=list)
    """The URL of every request, in every tab."""

    @property
    def widget(self) -> Locator:
        return self.page.locator("#replik")

    @property
    def replies(self) -> Locator:
        """The finished answers."""
        return self.widget.locator(".reply.final")

    @property
    def last_reply(self) -> Locator:
        return self.replies.last

    def write(self, text: str) -> None:
        """Type a message and send it."""
        self.widget.locator("textarea").fill(text)
        self.widget.locator("textarea").press("Enter")

    def ask(self, question: str) -> Locator:
        """Write a question and return the finished answer to it."""
        before = self.replies.count()
        self.write(question)
        return self.reply(before + 1)

    def reply(self, count: int) -> Locator:
        """Wait until there are `count` finished answers; return the last."""
        reply = self.replies.nth(count - 1)
        reply.wait_for()
        return reply

    def said(self) -> list[str]:
        """Return what stands in the conversation, in order: the visitor's messages, answers and events."""
        texts = self.widget.locator(".own .bubble, .reply .answer, .event").all_inner_texts()
        return [re.sub(r"^(Du|You):\s", "", text) for text in texts]  # for screen readers

    def open_citation(self, reply: Locator) -> Page:
        """Press the reply's first citation; return the tab that it opens."""
        with self.page.context.expect_page() as opened:
            reply.locator("a.cite").first.click()
        opened.value.wait_for_load_state()
        return opened.value

    def picture(self, name: str, page: Page | None = None, *, full_page: bool = False) -> None:
        (page or self.page).screenshot(path=self.pictures / f"{name}.png", full_page=full_page)

    def presses(self) -> int:
        """Return how often the visitor has pressed a button or a link on this page."""
        return int(self.page.evaluate("seen.presses"))

    def violations(self) -> list[str]:
        """Return what the page's security policy has refused."""
        return list(self.page.evaluate("seen.violations"))

    def origins(self) -> set[str]:
        return {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in self.asked if "://" in url}

    def barriers(self) -> list[dict[str, Any]]:
        """Return axe's serious and critical findings on this page."""
        if not AXE.exists():
            pytest.skip("no axe-core: run `npm ci` in web/")
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [
            {"rule": one["id"], "where": [node["target"] for node in one["nodes"]]}
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]


def visitor(context: BrowserContext, pictures: Path) -> Visitor:
    """Return a visitor with an empty page in `context`."""
    context.set_default_timeout(30_000)
    context.add_init_script(_WATCH)
    someone = Visitor(context.new_page(), pictures)

    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            someone.complaints.append(message.text)

    def request(request: Request) -> None:
        someone.asked.append(request.url)

    context.on("console", console)
    context.on("weberror", lambda error: someone.complaints.append(str(error.error)))
    context.on("request", request)
    return someone
