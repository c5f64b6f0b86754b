"""The action ledger: what a procedure does in other systems happens once, or a person hears of it.

The row comes first, then the call, then the result. A re-run of the procedure gets the recorded result. What
was begun and has no result goes to a person: nobody can tell whether it has happened.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx
import structlog
from pydantic import JsonValue
from sqlalchemy.exc import DBAPIError

from agents.actions import (
    ActionConflict,
    ActionFailed,
    ActionKey,
    Actions,
    ActionUnknown,
    Ended,
    Recorded,
)
from agents.json_values import dump
from foundation.errors import LeaseLost

log = structlog.get_logger()

_RECORD_AGAIN_S: Final = (0.1, 0.5)

Call = Callable[[JsonValue, str], Awaitable[JsonValue]]
"""Carries out an action: gets its arguments and an idempotency key to pass on, returns what to put on record.

It makes one request, without redirects or retries of its own; else a refused connection would not mean that
nothing has happened.
"""


class NoEffect(Exception):
    """For a call to raise when it knows that nothing has happened, for example after a refusal."""


_BEFORE_ANY_EFFECT: Final = (
    NoEffect,
    ConnectionRefusedError,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A call on its way. It outlives the turn that wanted it: an effect cannot be called back."""

    intent: tuple[str, str]
    task: asyncio.Task[str]


class Ledger:
    """One conversation's, for as long as a host owns it."""

    def __init__(self, actions: Actions, held: Callable[[], bool], *, deadline_s: float) -> None:
        """`held` says whether the host may start an effect; no call may take longer than `deadline_s`."""
        self._actions = actions
        self._held = held
        self._deadline_s = deadline_s
        self._flights: dict[ActionKey, _Flight] = {}

    async def perform(self, key: ActionKey, action: str, arguments: JsonValue, call: Call) -> JsonValue:
        """Carry out an action once and return its result; again with the same key, return what is on record.

        The arguments are frozen at the first attempt. To cancel this does not cancel the call; whoever
        performs the same key meanwhile waits for the same one.

        Raises:
            OwnershipLost: this host may not act for the conversation any more (`LeaseLost`: it has no lease);
                no call was made.
            ActionFailed: nothing has happened, and it may be tried again.
            ActionConflict: the key was used with another action or other arguments.
            ActionUnknown: it may have happened or not; a person must look.
            TypeError: the arguments are not JSON.
        """
        intent = action, dump(arguments, f"what {action!r} is given")
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(intent, asyncio.create_task(self._once(key, *intent, call)))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        elif flight.intent != intent:
            raise ActionConflict(action=action, step=key.step)
        result: JsonValue = json.loads(await asyncio.shield(flight.task))
        return result

    async def close(self) -> None:
        """Wait for the calls that are on their way, so that their results are on record."""
        await asyncio.gather(*(flight.task for flight in self._flights.values()), return_exceptions=True)

    def _landed(self, key: ActionKey, task: asyncio.Task[str]) -> None:
        del self._flights[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Also when nobody waits for it any more.
            log.warning("action_not_done", step=key.step, error=type(error).__name__)

    async def _once(self, key: ActionKey, action: str, arguments: str, call: Call) -> str:
        if not self._held():
            raise LeaseLost()
        begun = await self._actions.intend(key, action, arguments)
        if isinstance(begun, Recorded):
            return begun.result
        if not self._held():
            # The intent took longer than the lease.
            await self._record(key, begun.attempt, "failed", reason="lease")
            raise LeaseLost()
        idempotency_key = self._actions.idempotency_key(key)
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await call(json.loads(arguments), idempotency_key)
            recorded = dump(result, f"what {action!r} gave")
        except _BEFORE_ANY_EFFECT as error:
            await self._record(key, begun.attempt, "failed", reason=type(error).__name__)
            raise ActionFailed(action=action, step=key.step) from error
        except Exception as error:
            await self._record(key, begun.attempt, "unknown", reason=type(error).__name__)
            raise ActionUnknown(action=action, step=key.step) from error
        await self._record(key, begun.attempt, "done", result=recorded)
        return recorded

    async def _record(
        self, key: ActionKey, attempt: int, state: Ended, *, result: str | None = None, reason: str = ""
    ) -> None:
        """Put the end of an attempt on record, in spite of a broken connection.

        Raises:
            ActionUnknown: the database did not take it; whoever asks next finds no result either.
        """
        for pause in (0, *_RECORD_AGAIN_S):
            await asyncio.sleep(pause)
            try:
                await self._actions.finish(key, attempt, state, result=result, reason=reason)
            except DBAPIError as error:
                log.warning("action_not_recorded", step=key.step, error=type(error).__name__)
            else:
                return
        raise ActionUnknown(step=key.step)
