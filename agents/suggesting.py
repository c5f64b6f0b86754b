"""A host's part in suggested replies: a run of the agent that no customer sees and nobody stores."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import orjson
import structlog

from agents.conversation import Agent
from agents.stream import Address, Json
from foundation.errors import ReplikError
from foundation.ids import TurnId, new_uuid
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Failure, Turn, Utterance

log = structlog.get_logger()

_HISTORY: Final = 13


async def suggest(tenancy: Tenancy, agent_of: Callable[[Json], Agent], address: Address) -> bytes:
    """Return, as JSON, the agent's `answer` to what the customer wrote last, or the `error` code of why not.

    Without a saver: a graph whose procedures act cannot run, so a suggestion has no effect anywhere.
    """
    try:
        rows = (await tenancy.trip(address.tenant_id, _READ, values=address.keys() | {"n": _HISTORY})).rows
        turn = _turn(address, rows)
        if turn is None:
            return orjson.dumps({"error": "nothing_asked"})
        async with aclosing(agent_of(rows[0].behaviour).run(turn)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return orjson.dumps({"answer": event.model_dump(mode="json", exclude={"trace"})})
                if isinstance(event, Failure):
                    return orjson.dumps({"error": event.code})
    except ReplikError as error:
        return orjson.dumps({"error": error.code})
    except Exception:
        # The border of the graph, as in a turn: whoever waits must hear of it.
        log.exception("suggestion_failed")
    return orjson.dumps({"error": "agent_failed"})


def _turn(address: Address, rows: Sequence[Any]) -> Turn | None:
    """Return what to answer: the customer's last words in a row, after what was said before them."""
    said = [(row.author, _words(row.parts)) for row in reversed(rows) if row.author is not None]
    last = next((n for n in range(len(said) - 1, -1, -1) if said[n][0] == "customer"), None)
    if last is None:
        return None
    first = last
    while first > 0 and said[first - 1][0] == "customer":
        first -= 1
    return Turn(
        tenant_id=address.tenant_id,
        conversation_id=address.conversation_id,
        turn_id=TurnId(new_uuid()),
        text="\n".join(text for _, text in said[first : last + 1]),
        history=tuple(Utterance(author=author, text=text) for author, text in said[:first]),
        language=rows[0].language,
        release=rows[0].number,
    )


def _words(parts: Sequence[Json]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


_READ: Final = """
select r.number, r.behaviour, c.language, m.author, m.parts
from conversations c
join lateral (
    select number, behaviour from releases where tenant_id = %(tenant)s order by number desc limit 1
) r on true
left join lateral (
    select author, parts, position from messages where tenant_id = %(tenant)s
      and conversation_id = %(conversation)s and kind = 'text' and visibility = 'public'
    order by position desc limit %(n)s
) m on true
where c.tenant_id = %(tenant)s and c.id = %(conversation)s
order by m.position desc
"""
