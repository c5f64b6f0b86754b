"""What a check of the doctor finds, and how one is carried out."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from foundation.errors import StartError


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `remedy` says what to do when `ok` is false; `optional` ones do not make Replik ill."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    milliseconds: int = 0
    optional: bool = False


Examine = Callable[[], Awaitable[str]]
"""Returns the detail of a good finding; raises StartError (its sentence holds the remedy) for a bad one."""


async def carry_out(name: str, examine: Examine, *, optional: bool = False) -> Check:
    """Return what `examine` finds, and how long it took; never raises."""
    begin = time.perf_counter()
    try:
        check = Check(name, ok=True, detail=await examine(), optional=optional)
    except StartError as error:
        what, _, remedy = error.sentence.partition(": ")
        check = Check(name, ok=False, detail=what, remedy=remedy, optional=optional)
    except Exception as error:  # noqa: BLE001  # a doctor reports what it did not expect, too
        check = Check(name, ok=False, detail=f"{type(error).__name__}: {error}", optional=optional)
    return replace(check, milliseconds=round((time.perf_counter() - begin) * 1000))
