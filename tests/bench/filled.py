"""Filling a database with conversations that look as if customers had had them, by SQL and in bulk.

Each has five messages and two answered turns with their traces, as the mailbox and the journal store them:
a question and its answer, then two messages in a row and the answer to both. In a *waiting* one that last
turn is still queued. Tenants have equal shares, and their rows lie mixed as they would if all wrote at the
same time.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg

from foundation.ids import TenantId

_BATCH = 25_000
_AT_ONCE = 2
"""Connections that fill."""


def fill(
    superuser_url: str, tenants: Sequence[TenantId], conversations: int, *, waiting: int = 0
) -> dict[str, int]:
    """Add conversations to existing tenants, `waiting` of them with a queued turn; return the rows by table.

    Afterwards the tables are vacuumed and analysed, and all is on disk.
    """
    begun = time.monotonic()
    batches = [range(n, min(n + _BATCH, conversations)) for n in range(0, conversations, _BATCH)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        jobs = [threads.submit(_add, superuser_url, list(tenants), batch, waiting) for batch in batches]
        for number, job in enumerate(jobs, 1):
            job.result()
            if number % 8 == 0 or number == len(jobs):
                print(
                    f"{min(number * _BATCH, conversations):,} conversations stored"
                    f" after {time.monotonic() - begun:.0f} s",
                    file=sys.stderr,
                )
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
        return {table: _count(connection, table) for table in ("conversations", "messages", "turns")}


def _add(superuser_url: str, tenants: list[TenantId], numbers: range, waiting: int) -> None:
    values: dict[str, Any] = {
        "tenants": tenants,
        "first": numbers.start,
        "last": numbers.stop - 1,
        "waiting": waiting,
        "asked": "Hej, hur länge har jag på mig att returnera en jacka som jag köpte i er butik i Luleå?",
        "answered": (
            "Du kan returnera varor inom 60 dagar från köpet om de är oanvända och har sina etiketter kvar. "
            "Ta med kvittot eller ditt medlemsnummer till butiken, så får du pengarna tillbaka på ditt kort."
        ),
    }
    with psycopg.connect(superuser_url) as connection, connection.transaction():
        # For this transaction only: the rows refer to each other by construction.
        connection.execute("set local session_replication_role = replica")
        connection.execute("set local synchronous_commit = off")
        for statement in _STATEMENTS:
            connection.execute(statement, values if "%(" in statement else None)


def _count(connection: "psycopg.Connection[tuple[int]]", table: LiteralString) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return row[0]


_STATEMENTS: tuple[LiteralString, ...] = (
    """
create temporary table filling on commit drop as
select (%(tenants)s::uuid[])[1 + n %% cardinality(%(tenants)s::uuid[])] as tenant_id, uuidv7() as id,
    uuidv7() as first_turn, uuidv7() as second_turn, n < %(waiting)s as waiting
from generate_series(%(first)s::int, %(last)s::int) n
""",
    """
insert into conversations (tenant_id, id, channel, language, visitor_id)
select tenant_id, id, 'widget', 'sv', uuidv7() from filling
""",
    """
insert into activations (tenant_id, conversation_id, position, epoch)
select tenant_id, id, case when waiting then 4 else 5 end, 1 from filling
""",
    """
insert into turns (tenant_id, conversation_id, id, positions, release, attempt, state, answer_position,
    outcome, started_at, finished_at)
select tenant_id, id, first_turn, array[1], 1, 1, 'done', 2, 'answered', clock_timestamp(), clock_timestamp()
from filling
union all
select tenant_id, id, second_turn, array[3, 4], 1, 1, 'done', 5, 'answered', clock_timestamp(),
    clock_timestamp()
from filling where not waiting
union all
select tenant_id, id, second_turn, array[3, 4], null, 0, 'queued', null, null, null, null
from filling where waiting
""",
    """
insert into messages (tenant_id, conversation_id, position, id, turn_id, author, kind, channel, language,
    parts, client_message_id, body_hash)
select f.tenant_id, f.id, m.position, uuidv7(),
    case when m.position < 3 then f.first_turn else f.second_turn end,
    m.author, 'text', 'widget', case m.author when 'agent' then 'sv' end,
    case m.author
        when 'customer' then jsonb_build_array(jsonb_build_object('type', 'text', 'text', %(asked)s::text))
        else jsonb_build_array(jsonb_build_object('type', 'text', 'text', %(answered)s::text,
            'outcome', 'answered', 'confidence', 0.9, 'citations', '[]'::jsonb, 'offer_person', false))
    end,
    case m.author when 'customer' then uuidv7()::text end,
    case m.author when 'customer' then sha256(convert_to(%(asked)s::text, 'UTF8')) end
from filling f
cross join (values (1, 'customer'), (2, 'agent'), (3, 'customer'), (4, 'customer'), (5, 'agent'))
    m(position, author)
where not (f.waiting and m.position = 5)
""",
    """
insert into traces (tenant_id, conversation_id, turn_id, trace)
select f.tenant_id, f.id, t.turn_id,
    '{"nodes": ["policy", "retrieve", "confidence", "generate", "post_policy"]}'
from filling f cross join lateral (values (first_turn, false), (second_turn, true)) t(turn_id, is_last)
where not (f.waiting and t.is_last)
""",
)
