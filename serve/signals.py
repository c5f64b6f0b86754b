"""How a process in the foreground is told to stop."""

import asyncio
import signal


def listen_for_stop(stop: asyncio.Event) -> None:
    """Set `stop` at the first SIGINT or SIGTERM; a second one ends the process at once.

    To be called again after whatever puts its own handlers over ours.
    """
    if stop.is_set():
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, first)
