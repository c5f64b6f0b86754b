"""Runs one service and stops it when Replik is gone, however Replik ended. Stdlib only.

    python -I -S keeper.py STOP_SIGNAL GRACE_SECONDS USER COMMAND...

Standard input is a pipe whose other end Replik holds. When it closes (a stop, a crash, `kill -9`), the
service gets STOP_SIGNAL, and after GRACE_SECONDS, SIGKILL. The keeper has its own session, so a Ctrl-C in the
terminal does not reach the service, and it ends with the service's exit code. USER `-` means the present one.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command until it ends or standard input closes; return its exit code."""
    stop = signal.Signals[arguments[0]]
    grace = float(arguments[1])
    user = None if arguments[2] == "-" else arguments[2]
    child = subprocess.Popen(
        arguments[3:],
        stdin=subprocess.DEVNULL,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        preexec_fn=_die_with_parent(stop),  # noqa: PLW1509  # this process has one thread here
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: child.send_signal(stop))
    threading.Thread(target=_stop_at_end_of_input, args=(child, stop, grace), daemon=True).start()
    return child.wait()


def _stop_at_end_of_input(child: subprocess.Popen[bytes], stop: signal.Signals, grace: float) -> None:
    while os.read(0, 1024):
        pass
    child.send_signal(stop)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


def _die_with_parent(stop: signal.Signals) -> Callable[[], None]:
    """Return what makes Linux stop the service if the keeper itself is killed; elsewhere nothing does."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(stop), 0, 0, 0)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
