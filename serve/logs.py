"""Shows in the foreground what other processes log."""

import asyncio
import sys
from pathlib import Path
from typing import TextIO

_LOOK_S = 0.2
_LARGE = 10_000_000


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LARGE:
        path.replace(path.with_suffix(".log.1"))
    path.touch()
    # Two processes may write into each other's line; better a strange letter than no log.
    return path.open(encoding="utf-8", errors="replace")


async def show_log(path: Path) -> None:
    """Print what is appended to the file from now on, for ever."""
    with _opened(path) as log:
        log.seek(0, 2)
        while True:
            lines = log.read()
            if lines:
                sys.stderr.write(lines)
                sys.stderr.flush()
            await asyncio.sleep(_LOOK_S)
