"""Ends what Ray leaves behind when Replik is killed. Stdlib only.

    python -I -S ray_keeper.py PID:START...

Ray's own processes notice that their head is gone, but two of them then try for 60 s to tell it so. Standard
input is a pipe whose other end Replik holds. When it closes, the processes named get a few seconds, and then
SIGKILL. START is the process's start in clock ticks (proc(5), field 22), so that no other process is meant.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_GRACE_S = 3.0


def main(arguments: list[str]) -> int:
    """Wait for the end of standard input, then for that of the processes; kill those that stay."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C is Replik's; this ends with it
    while os.read(0, 1024):
        pass
    watched = [(int(pid), start) for pid, _, start in (each.partition(":") for each in arguments)]
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline and any(started(pid) == start for pid, start in watched):
        time.sleep(0.1)
    for pid, start in watched:
        if started(pid) == start:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return 0


def started(pid: int) -> str | None:
    """Return when a process started, in clock ticks; None when there is none, or no /proc (not Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


@contextmanager
def kept(pids: Iterable[int]) -> Iterator[None]:
    """Have these processes ended soon after this one ends, however it ends, or after the block."""
    named = [f"{pid}:{start}" for pid in pids if (start := started(pid)) is not None]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *named], stdin=subprocess.PIPE, start_new_session=True
    ):
        yield  # leaving the `with` closes the pipe and waits


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
