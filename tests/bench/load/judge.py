"""Judges a measured run: every answer whole, in order and once, at the client and in the database.

The rules are those of the chaos test's checker; here is only the history that it reads.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from foundation.database.engine import connect
from foundation.ids import TenantId, show
from foundation.settings import Settings
from foundation.tenancy import Tenancy, TenantSession
from serve.deps import conversation_of
from tests.bench.load.clients import Asked
from tests.bench.load.systems import System, events_of, fault
from tests.chaos.checker import check
from tests.chaos.history import Acked, Connected, Record, Seen, Sent, StoredRow, StoredTurn


def read_answers(system: System, asked: Iterable[Asked]) -> tuple[list[str], int]:
    """Return what is wrong with the answers of any system, and how many came whole instead of streamed."""
    faults, unstreamed = [], 0
    for turn in asked:
        heard = system.read(turn.exchange)
        unstreamed += heard.is_unstreamed
        if (wrong := fault(system, heard, turn.text)) is not None:
            faults.append(wrong)
    return faults, unstreamed


async def history_at_fault(settings: Settings, tenant_id: str, asked: Sequence[Asked]) -> list[str]:
    """Return what the history checker finds in our system's run: clients' events beside the database's rows.

    A tenant with more conversations or turns than were asked for is at fault too.
    """
    by_conversation: dict[str, list[Asked]] = defaultdict(list)
    for turn in asked:
        by_conversation[turn.conversation].append(turn)
    engine = connect(settings.require("database_url"), pool_size=1)
    faults: list[str] = []
    try:
        async with Tenancy(engine).session(TenantId(UUID(tenant_id))) as session:
            for name, number in (("conversations", len(by_conversation)), ("turns", len(asked))):
                stored = (await session.execute(text(f"select count(*) from {name}"))).scalar_one()
                if stored != number:
                    faults.append(f"{stored} {name} are stored, {number} were asked for")
            for conversation, turns in by_conversation.items():
                records = [*_seen(conversation, turns), *await _stored(session, conversation)]
                verdict = check(records)
                faults += [str(violation) for violation in verdict.violations]
                if verdict.acked != len(turns):
                    faults.append(f"{conversation}: {verdict.acked} of {len(turns)} were acknowledged")
    finally:
        await engine.dispose()
    return faults


def _seen(conversation: str, turns: Sequence[Asked]) -> Iterator[Record]:
    """Yield what the client did and saw. Each answer is a stream of its own, which shows one turn."""
    for number, turn in enumerate(turns):
        stream, exchange = f"{conversation}/{number}", turn.exchange
        yield Sent(exchange.sent_at, conversation, turn.key, turn.text)
        yield Connected(exchange.sent_at, stream, conversation, None, scope="turn")
        for fields in events_of(exchange.body()):
            data = json.loads(fields["data"])
            if fields["event"] == "accepted":
                yield Acked(
                    exchange.ended_at,
                    conversation,
                    data["client_message_id"],
                    data["message_id"],
                    data["turn_id"],
                    data["position"],
                    duplicate=False,
                )
            yield Seen(exchange.ended_at, stream, fields["id"], fields["event"], data)


async def _stored(session: TenantSession, conversation: str) -> list[Record]:
    key = {"conversation": conversation_of(conversation)}
    rows = await session.execute(
        text(
            "select position, id, turn_id, author, kind, visibility, client_message_id, parts"
            " from messages where conversation_id = :conversation order by position"
        ),
        key,
    )
    turns = await session.execute(
        text("select id, positions, state, attempt from turns where conversation_id = :conversation"), key
    )
    return [
        *(
            StoredRow(
                conversation,
                row.position,
                show("message", row.id),
                show("turn", row.turn_id) if row.turn_id else None,
                row.author,
                row.kind,
                row.visibility,
                row.client_message_id,
                "\n".join(part["text"] for part in row.parts if part["type"] == "text"),
                **_event(row.parts),
            )
            for row in rows
        ),
        *(
            StoredTurn(conversation, show("turn", row.id), tuple(row.positions), row.state, row.attempt)
            for row in turns
        ),
    ]


def _event(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    part = parts[0]
    return {"event": part["name"], "mode": part.get("mode")} if part["type"] == "event" else {}
