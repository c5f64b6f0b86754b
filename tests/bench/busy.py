"""A whole Replik takes in thousands of pages: how its memory grows, and how long customers wait meanwhile.

`replik run` on a fresh home. First the demo shop is asked question after question while all is quiet, then a
server of another tenant adds `PAGES` pages (5,000, each a text of its own with a passage or two) through the
API, and the same questions are asked on until all pages are ready.

`ratio` is the p95 of an answer while pages are taken in over the quiet p95 (aim: at most 2). `memory_growth`
is the memory of all processes together (proportional set size) over the last fifth of the pages, over that of
the second fifth (medians; flat is 1), and `memory_mb` these medians by fifth. The database and Chroma
are in it: what they keep of the pages themselves counts, too.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import psycopg
import structlog

from foundation.stack.ports import free_ports
from foundation.stack.runfile import RunFile
from serve.demo import OWN, SHOP
from tests.bench.growth import percentile
from tests.support.ask import ask
from tests.support.running import Running, running_replik, short_home

_QUESTIONS = (
    "Vad kostar frakten till ombud?",
    "Hur många dagars öppet köp har jag om jag handlar nu 2026?",
    "Vad kostar det att hyra lavinpaket en dag?",
    "How do I wash a down jacket?",
)
_QUIET_ASKED = 100
_PAUSE_S = 0.2
"""Between two questions: one customer after the other, no flood."""
_SENTENCES = 6
_LOOK_S = 2.0
_LONGEST_S = 2400.0

log = structlog.get_logger()


@dataclass
class Watched:
    """What was seen while pages were taken in."""

    answers_ms: list[float] = field(default_factory=list)
    memory: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)
    """Pages ready, and all processes' megabytes, together and by name."""


def measure(data: Path) -> list[dict[str, Any]]:
    """Return one result, sized by the environment."""
    number = int(os.environ.get("PAGES", "5000"))
    with short_home() as home, running_replik(home, free_ports(1)[0], {"RATE_LIMITS": "off"}) as replik:
        counter = _Counter(home)
        counter.wait_for_demo()
        with httpx.Client(base_url=replik.url, timeout=120) as client:
            quiet = [_asked(client, replik, question) for question in _some(_QUIET_ASKED)]
            begun = time.monotonic()
            watched = _take_in(replik, client, counter, list(pages(data, number)))
            seconds = time.monotonic() - begun
        return [_result(number, quiet, watched, seconds, counter.states())]


def pages(data: Path, number: int) -> Iterator[str]:
    """Yield different pages: sentences of the help centre in an order of their own, under an own heading."""
    files = sorted((data / "kb_duckduckgo").glob("*.md"))
    texts = " ".join(file.read_text(encoding="utf-8") for file in files)
    sentences = [part.strip() for part in texts.replace("\n", " ").split(". ") if 40 < len(part) < 200]
    choice = random.Random(5)  # the same pages in every run
    for at in range(number):
        body = ". ".join(choice.sample(sentences, _SENTENCES))
        yield f"# Page {at}\n\nThis is page number {at}. {body}."


def _take_in(replik: Running, client: httpx.Client, counter: "_Counter", texts: list[str]) -> Watched:
    watched = Watched()
    with _beside(lambda: _add_all(replik, texts)):
        looked = 0.0
        questions = cycle(_QUESTIONS)
        deadline = time.monotonic() + _LONGEST_S
        while (done := counter.ready()) < len(texts):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{done} of {len(texts)} pages after {_LONGEST_S:.0f} s: {counter.states()}"
                )
            watched.answers_ms.append(_asked(client, replik, next(questions)))
            if time.monotonic() - looked > _LOOK_S:
                looked = time.monotonic()
                by_name = memory_of(replik)
                watched.memory.append((done, sum(by_name.values()), by_name))
            time.sleep(_PAUSE_S)  # a customer thinks; nothing is waited for
    return watched


def _add_all(replik: Running, texts: list[str]) -> None:
    headers = {"Authorization": f"Bearer {replik.key('server key', 1)}"}
    with httpx.Client(base_url=replik.url, timeout=120, headers=headers) as client:
        for at, text in enumerate(texts):
            body = {"title": f"Page {at}", "text": text}
            client.post("/api/admin/knowledge/sources", json=body).raise_for_status()


@contextmanager
def _beside(work: Any) -> Iterator[None]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 # raised below, in the thread that measures
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join()
    if failed:
        raise failed[0]


def _asked(client: httpx.Client, replik: Running, question: str) -> float:
    begun = time.monotonic()
    ask(client, replik.key("server key"), question)
    return (time.monotonic() - begun) * 1000


def _some(number: int) -> Iterator[str]:
    for _, question in zip(range(number), cycle(_QUESTIONS), strict=False):
        yield question


def memory_of(replik: Running) -> dict[str, float]:
    """Return the megabytes of a Replik's processes (proportional set size) by their names."""
    found: dict[str, float] = {}
    for process in replik.processes():
        try:
            name = process.name().split(":")[-1][:24]
            found[name] = found.get(name, 0.0) + process.memory_full_info().pss / 1e6
        except psutil.Error:
            continue  # it has ended since it was listed
    return found


class _Counter:
    """Counts sources by state, as the role `app`."""

    def __init__(self, home: Path) -> None:
        running = RunFile.read(home)
        assert running is not None
        self._connection = psycopg.connect(running.urls["database_url"], autocommit=True)

    def _of(self, slug: str) -> dict[str, int]:
        cursor = self._connection.cursor()
        cursor.execute("select set_config('app.tenant_id', tenant_of_slug(%s)::text, false)", (slug,))
        return dict(cursor.execute("select state, count(*) from sources group by state").fetchall())

    def states(self) -> dict[str, int]:
        return self._of(OWN.slug)

    def ready(self) -> int:
        return self.states().get("ready", 0)

    def wait_for_demo(self) -> None:
        deadline = time.monotonic() + 300
        while set(found := self._of(SHOP.slug)) != {"ready"}:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the demo's documents are not ready: {found}")
            time.sleep(0.5)


def _result(
    number: int, quiet: list[float], watched: Watched, seconds: float, states: dict[str, int]
) -> dict[str, Any]:
    fifths = [
        [mb for done, mb, _ in watched.memory if fifth <= 5 * done / number < fifth + 1] for fifth in range(5)
    ]
    by_fifth = [round(median(each)) if each else None for each in fifths]
    first, last = by_fifth[1], by_fifth[4]
    busy_p95, quiet_p95 = percentile(watched.answers_ms, 0.95), percentile(quiet, 0.95)
    middle = next((parts for done, _, parts in watched.memory if done >= number / 5), {})
    end = watched.memory[-1][2] if watched.memory else {}
    grown = {name: round(end.get(name, 0) - middle.get(name, 0)) for name in middle | end}
    return {
        "name": "ingest_busy",
        "baseline": "the same questions while nothing is taken in",
        "ratio": round(busy_p95 / quiet_p95, 2),
        "quiet_p95_ms": round(quiet_p95, 1),
        "busy_p95_ms": round(busy_p95, 1),
        "quiet_p50_ms": round(median(quiet), 1),
        "busy_p50_ms": round(median(watched.answers_ms), 1),
        "asked": len(watched.answers_ms),
        "pages": number,
        "states": states,
        "seconds": round(seconds, 1),
        "pages_per_second": round(number / seconds, 1),
        "memory_growth": round(last / first, 3) if first and last else None,
        "memory_mb": by_fifth,
        "grown_mb": {name: mb for name, mb in sorted(grown.items(), key=lambda one: -one[1]) if abs(mb) >= 5},
    }
