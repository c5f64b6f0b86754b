"""A whole Replik as a user starts it: `replik run` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
REPLIK = Path(sys.executable).with_name("replik")
STARTED = "Stop with Ctrl-C"


@dataclass
class Running:
    """A started Replik and what it has printed."""

    process: subprocess.Popen[str]
    home: Path
    url: str
    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, pattern: str, seconds: float = 180) -> str:
        """Return the first line that matches, now or later.

        Raises:
            AssertionError: the process ended or the time is up; with everything it printed.
        """
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise AssertionError(f"no line like {pattern!r} in:\n{''.join(self.lines)}")
                self.changed.wait(min(left, 1))

    def key(self, name: str, nth: int = 0) -> str:
        """Return a key from the welcome: `server key` or `widget key`, the demo shop's first."""
        found = [line.split()[-1] for line in self.lines if line.strip().startswith(name)]
        return found[nth]

    def processes(self) -> list[psutil.Process]:
        """Return this Replik's processes, the started ones included."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def memory_mb(self) -> float:
        """Return the memory of all processes together: proportional set size, so shared pages count once."""
        total = 0
        for process in self.processes():
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 60) -> int:
        """Send a signal as Ctrl-C does, wait, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def running_replik(
    home: Path, port: int, environ: Mapping[str, str] | None = None, *, ready: bool = True
) -> Iterator[Running]:
    """Start Replik; it is stopped at the end of the block if it still runs."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    process = subprocess.Popen(
        [REPLIK, "run"],
        cwd=ROOT,
        env=kept | {"REPLIK_HOME": str(home), "REPLIK_PORT": str(port)} | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    running = Running(process, home, f"http://127.0.0.1:{port}")
    reader = threading.Thread(target=_read, args=(running,), daemon=True)
    reader.start()
    try:
        if ready:
            running.wait_for(STARTED)
        yield running
    finally:
        if process.poll() is None:
            left = running.processes()
            try:
                running.stop()
            except subprocess.TimeoutExpired:
                for one in left:
                    one.kill()
                raise
        reader.join(10)


def _read(running: Running) -> None:
    assert running.process.stdout is not None
    for line in running.process.stdout:
        with running.changed:
            running.lines.append(line)
            running.changed.notify_all()
    with running.changed:
        running.changed.notify_all()


@contextmanager
def short_home() -> Iterator[Path]:
    """Yield a fresh home folder."""
    with tempfile.TemporaryDirectory(prefix="rp", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"
