"""The rows of the action ledger: what was intended, and what is known of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import text

from agents.leases import Fence
from agents.stream import Address
from foundation.crypto import SealBroken, Sealer
from foundation.errors import ConversationNotFound, OwnershipLost, ReplikError
from foundation.tenancy import Tenancy, TenantSession
from graphs.handover import NeedsPerson

PURPOSE = "action"

Ended = Literal["done", "failed", "unknown"]


class ActionConflict(NeedsPerson):
    """This step was begun with other arguments."""

    code = "action_conflict"


class ActionUnknown(NeedsPerson):
    """Nobody knows whether this action was carried out."""

    code = "action_unknown"


class ActionFailed(ReplikError):
    """The action had no effect; it may be tried again."""

    code = "action_failed"
    status = 502


class ActionKey(NamedTuple):
    """Which effect of a procedure: the same in every re-run of it."""

    run_id: UUID
    """The procedure's run: the id of the turn that began it."""
    step: str
    iteration: int = 0
    """Counts the passes of a loop over the step."""


@dataclass(frozen=True, slots=True)
class Started:
    """The intent is on record, and nobody else may make the call."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The call was made before; this is what it gave, as JSON text."""

    result: str


@dataclass(frozen=True, slots=True)
class Actions:
    """One conversation's actions, as long as it is owned under a fence."""

    tenancy: Tenancy
    sealer: Sealer
    address: Address
    fence: Fence

    def idempotency_key(self, key: ActionKey) -> str:
        """Return what other systems know the action by: a UUID, the same in every attempt."""
        return idempotency_key(self.address, key)

    async def intend(self, key: ActionKey, action: str, arguments: str) -> Started | Recorded:
        """Put on record what is about to be done, with its arguments as JSON text.

        Raises:
            OwnershipLost: another host or a person owns the conversation.
            ActionConflict: the key stands for another action, or for other arguments.
            ActionUnknown: an earlier attempt was begun and has no result.
        """
        values = self._values(key)
        async with self.tenancy.session(self.address.tenant_id) as session:
            await self._check_fence(session)
            sealed = self._seal(key, "arguments", arguments)
            inserted = await session.execute(_INSERT, values | {"action": action, "arguments": sealed})
            if inserted.first() is not None:
                return Started(attempt=1)
            row = (await session.execute(_FIND, values)).one()
            try:
                earlier = row.action, self._open(key, "arguments", row.arguments)
                result = self._open(key, "result", row.result) if row.state == "done" else ""
            except SealBroken as error:
                raise ActionUnknown(action=action, step=key.step) from error
            if earlier != (action, arguments):
                raise ActionConflict(action=action, step=key.step)
            if row.state == "done":
                return Recorded(result)
            if row.state == "failed":
                return Started((await session.execute(_RETRY, values)).scalar_one())
            # Begun by a run that is gone: its call may have arrived or not.
            await session.execute(_DOUBT, values)
        raise ActionUnknown(action=action, step=key.step)

    async def finish(
        self, key: ActionKey, attempt: int, state: Ended, *, result: str | None = None, reason: str = ""
    ) -> None:
        """Put on record how an attempt ended; may be repeated.

        No fence is asked for: what has happened has happened, also when the conversation was lost meanwhile.

        Raises:
            ConversationNotFound: the conversation and its ledger were erased.
        """
        values = self._values(key) | {
            "attempt": attempt,
            "state": state,
            "result": None if result is None else self._seal(key, "result", result),
            "reason": reason or None,
        }
        async with self.tenancy.session(self.address.tenant_id) as session:
            if (await session.execute(_FINISH, values)).first() is None:
                raise ConversationNotFound()

    async def _check_fence(self, session: TenantSession) -> None:
        """Lock the owner's row as its update would, so that a takeover comes before or after the intent."""
        values = self._values() | self.fence.values()
        if (await session.execute(_FENCE, values)).first() is None:
            raise OwnershipLost()

    def _values(self, key: ActionKey | None = None) -> dict[str, Any]:
        address = {"tenant": self.address.tenant_id, "conversation": self.address.conversation_id}
        return address | (key._asdict() if key else {})

    def _seal(self, key: ActionKey, column: str, value: str) -> bytes:
        return self.sealer.seal(PURPOSE, value.encode(), seal_context(self.address, key, column))

    def _open(self, key: ActionKey, column: str, sealed: bytes) -> str:
        return self.sealer.open(PURPOSE, bytes(sealed), seal_context(self.address, key, column)).decode()


def opened(sealer: Sealer, address: Address, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of `actions` in plain words, for whoever it is about.

    Raises:
        SealBroken: it was altered.
    """
    key = ActionKey(row["run_id"], row["step"], row["iteration"])
    plain = {name: row[name] for name in ("step", "action", "state", "reason")}
    for column in ("arguments", "result"):
        if row[column] is not None:
            context = seal_context(address, key, column)
            plain[column] = json.loads(sealer.open(PURPOSE, bytes(row[column]), context))
    return plain | {"at": row["created_at"].isoformat()}


def idempotency_key(address: Address, key: ActionKey) -> str:
    """Return what other systems know an action by."""
    names = [address.conversation_id.hex, key.run_id.hex, key.step, key.iteration]
    return str(uuid5(address.tenant_id, json.dumps(names)))


def seal_context(address: Address, key: ActionKey, column: str) -> bytes:
    """What a seal is bound to: no cell can be moved to another."""
    return f"{idempotency_key(address, key)}/{column}".encode()


_FENCE = text(
    "select 1 from activations where tenant_id = :tenant and conversation_id = :conversation"
    " and mode = 'agent' and host_id = :host and incarnation = :incarnation and epoch = :epoch"
    " for no key update"
)
_INSERT = text(
    "insert into actions (tenant_id, conversation_id, run_id, step, iteration, action, arguments)"
    " values (:tenant, :conversation, :run_id, :step, :iteration, :action, :arguments)"
    " on conflict (tenant_id, conversation_id, run_id, step, iteration) do nothing returning attempt"
)
_OF_KEY = (
    " where tenant_id = :tenant and conversation_id = :conversation"
    " and run_id = :run_id and step = :step and iteration = :iteration"
)
# The linter fears for statements made of pieces; these are all ours.
_FIND = text("select action, state, arguments, result from actions" + _OF_KEY + " for update")  # noqa: S608
_RETRY = text(
    "update actions set state = 'started', attempt = attempt + 1, reason = null, finished_at = null"  # noqa: S608
    + _OF_KEY
    + " returning attempt"
)
_DOUBT = text(
    "update actions set state = 'unknown', reason = 'no result', finished_at = clock_timestamp()"  # noqa: S608
    + _OF_KEY
    + " and state = 'started'"
)
_FINISH = text(
    "update actions set state = :state, result = :result, reason = :reason, finished_at = clock_timestamp()"  # noqa: S608
    + _OF_KEY
    + " and attempt = :attempt returning attempt"
)
