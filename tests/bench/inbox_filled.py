"""Filling a tenant's inbox with conversations, by SQL and in bulk.

States, customers, labels and words are as staff's work would leave them, spread over a year.
"""

import sys
import time
from typing import Any, LiteralString

import psycopg

from foundation.ids import TenantId, new_uuid

PEOPLE = [new_uuid() for _ in range(20)]
"""Who conversations are assigned to."""
_BATCH = 100_000
_TABLES = ("customers", "conversations", "activations", "message_words", "conversation_labels")


def fill_inbox(superuser_url: str, tenant_id: TenantId, conversations: int) -> None:
    """Add conversations to an existing tenant; afterwards the tables are vacuumed and analysed."""
    begun = time.monotonic()
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        # An index that is built at the end is built ten times as fast.
        indexes = connection.execute(_INDEXES, [list(_TABLES)]).fetchall()
        for name, _ in indexes:
            connection.execute(f"drop index {name}")
        for first in range(0, conversations, _BATCH):
            last = min(first + _BATCH, conversations) - 1
            _add(connection, {"tenant": tenant_id, "people": PEOPLE, "first": first, "last": last})
        connection.execute("set maintenance_work_mem = '256MB'")
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
    print(
        f"{conversations:,} conversations after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True
    )


def _add(connection: "psycopg.Connection[Any]", values: dict[str, Any]) -> None:
    with connection.transaction():
        # For this transaction only: the rows refer to each other by construction.
        connection.execute("set local session_replication_role = replica")
        connection.execute("set local synchronous_commit = off")
        for statement in _STATEMENTS:
            connection.execute(statement, values if "%(" in statement else None)


_INDEXES: LiteralString = """
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
where i.indrelid::regclass::text = any(%s)
  and not exists (select 1 from pg_constraint c where c.conindid = i.indexrelid)
"""
_STATEMENTS: tuple[LiteralString, ...] = (
    """
create temporary table filling on commit drop as
select n, %(tenant)s::uuid as tenant_id, uuidv7() as id, uuidv7() as customer_id, random() as dice,
    clock_timestamp() - random() * interval '365 days' as at
from generate_series(%(first)s::int, %(last)s::int) n
""",
    """
insert into customers (tenant_id, id, name, email)
select tenant_id, customer_id, 'Kund ' || n, 'kund' || n || '@example.com' from filling where n % 10 = 0
""",
    """
insert into conversations (tenant_id, id, channel, language, visitor_id, case_number, customer_id, inbox_id,
    assignee_id, status, labels, subject, preview, preview_author, last_message_at, updated_at, created_at)
select f.tenant_id, f.id, (array['widget', 'widget', 'widget', 'api', 'email'])[1 + n %% 5],
    (array['sv', 'sv', 'sv', 'en'])[1 + n %% 4], f.customer_id, f.n + 1,
    case when n %% 10 = 0 then f.customer_id end,
    (select i.id from inboxes i where i.tenant_id = %(tenant)s and i.is_default),
    case when n %% 2 = 0 then (%(people)s::uuid[])[1 + n %% 20] end,
    case when dice < 0.8 then 'resolved' when dice < 0.9 then 'active' when dice < 0.95 then 'pending'
        when dice < 0.999 then 'escalated' else 'snoozed' end,
    case when n %% 10 = 3 then array['retur'] when n %% 5000 = 1 then array['ovanlig'] else '{}'::text[] end,
    'Hej, var är min order nummer ' || n, 'Den är på väg till ombudet.', 'agent', f.at, f.at, f.at
from filling f
""",
    """
insert into activations (tenant_id, conversation_id, position, epoch) select tenant_id, id, 2, 1 from filling
""",
    """
insert into conversation_labels (tenant_id, conversation_id, label)
select tenant_id, id, case when n % 10 = 3 then 'retur' else 'ovanlig' end
from filling where n % 10 = 3 or n % 5000 = 1
""",
    """
insert into message_words (tenant_id, conversation_id, position, at, words)
select tenant_id, id, 1, at, search_words_of(tenant_id,
    'Hej, var är min order nummer ' || n || '? Jag köpte ord' || (power(20000, random()))::int
    || ' och ord' || (power(20000, random()))::int)
from filling
""",
)
