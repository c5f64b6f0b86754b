"""What the owner of a conversation writes: begun attempts and finished turns, each one fenced trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agents.acceptance import LOCK
from agents.frames import Stored
from agents.handover_text import HandoverText
from agents.journal_statements import BEGIN, FINISH, FINISHED, TO_THE_NEXT
from agents.leases import Fence, Lease
from agents.mailbox import hand_over, insert_row
from agents.stream import Address, Json, Row
from agents.unfinished import Statement
from foundation.database.trips import Json as Jsonb
from foundation.errors import LeaseLost, OwnershipLost, TurnTimeout
from foundation.ids import ConversationId, TenantId, TurnId, new_uuid
from foundation.languages import clear
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Answer, Failure, Turn, Utterance
from graphs.handover import NeedsPerson

MAX_ATTEMPTS = 2
"""The third attempt goes to a person: a poison message must not kill host after host."""

_HISTORY = 12


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn whose attempt is on record, who runs it, and what is needed to run it."""

    turn: Turn
    fence: Fence
    positions: tuple[int, ...]
    behaviour: Json
    channel: str
    control_version: int
    had_thread: bool
    """Whether a procedure waits for the customer."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The turn failed too often; a person has the conversation now."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Owned:
    """Another living host owns the conversation."""

    host_id: UUID


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing waits. `fence` is None when a person has the conversation, or it does not exist."""

    fence: Fence | None


@dataclass(frozen=True, slots=True)
class Done:
    """What was stored at the end of a turn, and whether another one waits."""

    stored: Sequence[Stored]
    more: bool


Part = tuple[str, str, Json]
"""A row to store: author, kind, and its one part."""


@dataclass(frozen=True, slots=True)
class Journal:
    tenancy: Tenancy
    address: Address
    handover_text: HandoverText

    async def begin(self, lease: Lease, fence: Fence | None) -> Begun | HandedOver | Owned | Idle:
        """Own the conversation, put the oldest unanswered turn's attempt on record and return it.

        `fence` is what this host had when it last looked: if it still holds, the epoch stays.

        Raises:
            LeaseLost: this host holds no lease now.
        """
        if not lease.held:
            raise LeaseLost()
        found = await self.tenancy.trip(
            self.address.tenant_id,
            LOCK,
            BEGIN,
            values=self.address.keys()
            | {
                "host": lease.host_id,
                "incarnation": lease.incarnation,
                "epoch": fence.epoch if fence else 0,
                "max_attempts": MAX_ATTEMPTS,
                "history": _HISTORY,
            },
            lightly=True,
        )
        if not found.rows:
            return Idle(None)
        [got] = found.rows
        if got.mode == "human":
            return Idle(None)
        if got.others:
            return Owned(got.owner)
        own = Fence(lease.host_id, lease.incarnation, got.epoch)
        if got.turn is None:
            return Idle(own)
        if got.attempt >= MAX_ATTEMPTS:
            return HandedOver(await self.give_up(own, TurnId(got.turn), got.language))
        return Begun(
            self._turn(got),
            own,
            tuple(got.positions),
            got.behaviour,
            got.channel,
            got.control_version,
            got.had_thread,
        )

    async def commit(self, begun: Begun, answer: Answer, settlement: Sequence[Statement] = ()) -> Done:
        """Store the answer and everything that belongs to it; `settlement` is that of the run's checkpoints.

        Raises:
            OwnershipLost: another host or a person owns the conversation; nothing was stored.
        """
        return await self._finish(
            begun,
            [("agent", "text", _part(answer))],
            state="done",
            outcome=answer.outcome,
            language=answer.language,
            trace=answer.trace,
            before=settlement,
        )

    async def commit_failure(self, begun: Begun, failure: Failure, shown: str) -> Done:
        """Store what the customer had seen as a `partial` message, never as an answer, and then the failure.

        Raises:
            OwnershipLost: another host or a person owns the conversation; nothing was stored.
        """
        event = {"code": failure.code, "text": failure.text, "offer_person": failure.offer_person}
        return await self._finish(
            begun,
            [*_partial(shown), ("system", "event", {"type": "event", "name": "error", **event})],
            state="failed",
            outcome="timed_out" if failure.code == TurnTimeout.code else "failed",
            language=failure.language,
            trace=failure.trace | event,
        )

    async def commit_interruption(self, begun: Begun, shown: str, trace: Json) -> Done:
        """End a turn for a newer message; its own messages are answered together with that.

        `trace` is that of the run, as far as it came.

        Raises:
            OwnershipLost: another host or a person owns the conversation; nothing was stored.
        """
        return await self._finish(
            begun,
            [*_partial(shown), ("system", "event", {"type": "event", "name": "interrupted"})],
            state="interrupted",
            outcome="interrupted",
            language=begun.turn.language or "sv",
            trace=trace | {"interrupted": True},
            before=(Statement(TO_THE_NEXT, {}),),
        )

    async def keep_taken_over(self, begun: Begun, shown: str, trace: Json) -> None:
        """Store, for staff only, what the customer had seen when a person took over, and the run's trace.

        No trace of a turn that another host runs, or has run since, and none when this host's lease is over.
        """
        if not (shown or trace):
            return
        async with self.tenancy.session(self.address.tenant_id) as session:
            if shown:
                await self._keep(session, begun, kind="partial", part={"type": "text", "text": shown})
            known = self._values(begun) | {"attempt": begun.turn.attempt, "trace": trace}
            await session.execute(_TAKEN_OVER, known)

    async def _keep(self, session: TenantSession, begun: Begun, *, kind: str, part: Json) -> None:
        """Store what only staff see, in a conversation that a person has."""
        ordered = (
            await session.execute(
                text(
                    "update activations set position = position + 1 where tenant_id = :tenant"
                    " and conversation_id = :conversation and mode = 'human' returning position"
                ),
                self.address.keys(),
            )
        ).first()
        if ordered is not None:
            await insert_row(
                session,
                self.address,
                position=ordered.position,
                author="agent",
                kind=kind,
                channel=begun.channel,
                parts=[part],
                turn_id=begun.turn.turn_id,
                visibility="internal",
            )

    async def hand_over(
        self, begun: Begun, why: NeedsPerson, shown: str, trace: Json, draft: Answer | Failure | None = None
    ) -> Stored:
        """Hand the conversation over. Staff get what led to it, what was shown of an answer, and a draft.

        `trace` is that of the run, as far as it came.

        Raises:
            OwnershipLost: another host or a person owns the conversation.
        """
        trace = {**trace, **why.trace, "handover": why.code}
        if isinstance(draft, Failure):
            trace["code"] = draft.code
        said = await self._said(clear(begun.turn.text) or begun.turn.language)
        async with self.tenancy.session(self.address.tenant_id) as session:
            stored = await self._given_up(session, begun.fence, f"system:{why.code}", said)
            await session.execute(_TRACED, self._values(begun) | {"trace": trace})
            if shown:
                await self._keep(session, begun, kind="partial", part={"type": "text", "text": shown})
            if isinstance(draft, Answer):
                await self._keep(session, begun, kind="text", part={**_part(draft), "suggested": True})
        return stored

    async def give_up(self, fence: Fence, turn_id: TurnId, language: str | None) -> Stored:
        """Hand the conversation, which is in this language so far, over to a person: nobody ends this turn.

        Raises:
            OwnershipLost: another host or a person owns the conversation.
        """
        said = await self._said(language)
        async with self.tenancy.session(self.address.tenant_id) as session:
            stored = await self._given_up(session, fence, "system:attempts", said)
            values = self.address.keys() | {"turn": turn_id, "trace": {"handover": "attempts"}}
            await session.execute(_TRACED, values)
        return stored

    async def _said(self, language: str | None) -> str:
        return await self.handover_text.of(TenantId(self.address.tenant_id), language)

    async def _given_up(self, session: TenantSession, fence: Fence, actor: str, said: str) -> Stored:
        held = await session.execute(_HELD, self.address.keys() | fence.values())
        if held.first() is None:
            raise OwnershipLost()
        stored = await hand_over(session, self.address, mode="human", said=said, actor=actor)
        if isinstance(stored, int):
            raise OwnershipLost()
        return stored

    def _turn(self, got: Any) -> Turn:
        said = "\n".join(_words(parts) for parts in got.said)
        history = tuple(
            Utterance(author=row["author"], text=_words(row["parts"])) for row in reversed(got.history)
        )
        return Turn(
            tenant_id=TenantId(self.address.tenant_id),
            conversation_id=ConversationId(self.address.conversation_id),
            turn_id=TurnId(got.turn),
            text=said,
            history=history,
            language=got.language,
            release=got.release,
            attempt=got.attempt + 1,
        )

    async def _finish(
        self,
        begun: Begun,
        parts: Sequence[Part],
        *,
        state: str,
        outcome: str,
        language: str,
        trace: Json,
        before: Sequence[Statement] = (),
    ) -> Done:
        rows = [
            {"index": index, "id": new_uuid(), "author": author, "kind": kind, "parts": [part]}
            for index, (author, kind, part) in enumerate(parts)
        ]
        values = self._values(begun) | {
            "count": len(rows),
            "rows": Jsonb(rows),
            "channel": begun.channel,
            "state": state,
            "outcome": outcome,
            "language": language,
            "trace": Jsonb(trace),
        }
        for statement in before:
            values |= statement.values
        statements = (LOCK, *(statement.sql for statement in before), FINISH) if before else (FINISH,)
        found = await self.tenancy.trip(self.address.tenant_id, *statements, values=values)
        if not found.rows:
            # Lost, or stored by an earlier try whose answer did not come through.
            found = await self.tenancy.trip(self.address.tenant_id, FINISHED, values=values)
        if not found.rows:
            raise OwnershipLost()
        stored = [Stored(Row.of(row), row.control_version) for row in found.rows]
        return Done(stored, more=found.rows[0].more)

    def _values(self, begun: Begun) -> dict[str, Any]:
        return self.address.keys() | begun.fence.values() | {"turn": begun.turn.turn_id}


def _part(answer: Answer) -> Json:
    return {
        "type": "text",
        "text": answer.text,
        "outcome": answer.outcome,
        "confidence": answer.confidence,
        "citations": [citation.model_dump(mode="json") for citation in answer.citations],
        "offer_person": answer.offer_person,
    }


def _partial(shown: str) -> list[Part]:
    return [("agent", "partial", {"type": "text", "text": shown})] if shown else []


def _words(parts: Sequence[Json]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


_TRACED: Final = text(
    "insert into traces (tenant_id, conversation_id, turn_id, trace)"
    " values (:tenant, :conversation, :turn, :trace)"
    " on conflict (tenant_id, conversation_id, turn_id) do update set trace = excluded.trace"
).bindparams(bindparam("trace", type_=JSONB))
_TAKEN_OVER: Final = text(
    "with ended as (update turns t set outcome = 'taken_over'"
    " where t.tenant_id = :tenant and t.conversation_id = :conversation and t.id = :turn"
    " and t.state = 'handed_over' and t.attempt = :attempt and exists (select 1 from hosts h"
    " where h.id = :host and h.incarnation = :incarnation and h.lease_until > clock_timestamp())"
    " returning t.id)"
    " insert into traces (tenant_id, conversation_id, turn_id, trace)"
    " select :tenant, :conversation, id, :trace from ended"
    " on conflict (tenant_id, conversation_id, turn_id) do nothing"
).bindparams(bindparam("trace", type_=JSONB))
_HELD: Final = text(
    "select 1 from activations where tenant_id = :tenant and conversation_id = :conversation"
    " and mode = 'agent' and host_id = :host and incarnation = :incarnation and epoch = :epoch"
    " for no key update"
)
