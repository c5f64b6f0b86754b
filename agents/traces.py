"""Why an answer came about: the stored trace of each turn, free of the personal data that was redacted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from foundation.errors import NotFound
from foundation.ids import ConversationId, TenantId, TurnId, show
from foundation.tenancy import Tenancy
from foundation.turns import Value


class TracedTurn(Value):
    """A turn and what led to its end."""

    turn_id: str
    state: str
    outcome: str | None
    """`answered`, `unknown`, `smalltalk`, `blocked`, `asked`; of one that was cut short `timed_out`,
    `failed`, `interrupted` by a newer message, `taken_over` for a person. None while it waits or runs, and
    when it ended by a handover that cut nothing short.
    """
    release: int | None
    attempt: int
    answer_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trace: dict[str, Any] | None
    """Policies that struck, the query, passages with scores, confidence with its parts, model, timings; of a
    turn that was cut short what was known until then, and `ended_in`, the node that did not end. None while
    it runs, and of a turn that never began.
    """


@dataclass(frozen=True, slots=True)
class Traces:
    tenancy: Tenancy

    async def turns(
        self, tenant_id: TenantId, conversation_id: ConversationId, *, limit: int = 100
    ) -> list[TracedTurn]:
        """Return a conversation's turns with their traces, newest first.

        Raises:
            NotFound: there is no such conversation.
        """
        async with self.tenancy.session(tenant_id) as session:
            known = {"tenant": tenant_id, "conversation": conversation_id, "limit": limit}
            there = await session.execute(text("select 1 from conversations where id = :conversation"), known)
            if there.first() is None:
                raise NotFound(kind="conversation")
            return [_view(row) for row in (await session.execute(_TURNS, known)).mappings()]

    async def turn(self, tenant_id: TenantId, conversation_id: ConversationId, turn_id: TurnId) -> TracedTurn:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            known = {"tenant": tenant_id, "conversation": conversation_id, "turn": turn_id}
            found = (await session.execute(_TURN, known)).mappings().first()
            if found is None:
                raise NotFound(kind="turn")
            return _view(found)


def _view(row: Mapping[Any, Any]) -> TracedTurn:
    return TracedTurn.model_validate({**row, "turn_id": show("turn", row["turn_id"])})


_SHOWN = (
    "select t.id as turn_id, t.state, t.outcome, t.release, t.attempt, t.answer_position, t.created_at,"
    " t.started_at, t.finished_at, r.trace from turns t left join traces r on r.tenant_id = t.tenant_id"
    " and r.conversation_id = t.conversation_id and r.turn_id = t.id"
    " where t.tenant_id = :tenant and t.conversation_id = :conversation"
)
_TURNS = text(f"{_SHOWN} order by t.created_at desc limit :limit")
_TURN = text(f"{_SHOWN} and t.id = :turn")
