"""The rows of unfinished procedures: one a conversation, sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from agents.stream import Address
from agents.threads import Thread
from foundation.crypto import SealBroken, Sealer
from foundation.tenancy import Tenancy, TenantSession
from graphs.handover import ProcedureUnreadable
from graphs.pauses import Version

PURPOSE = "checkpoint"


class Statement(NamedTuple):
    """SQL in psycopg's style, and its values; safe to repeat."""

    sql: str
    values: Mapping[str, Any]

    async def execute(self, session: TenantSession) -> Any:
        """Execute it in the session's transaction; return the rows."""
        connection = await session.connection()
        return await connection.exec_driver_sql(self.sql, dict(self.values))


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Reads such rows, and says how to write them: the writing is the turn's commit's."""

    tenancy: Tenancy
    sealer: Sealer

    async def read(self, address: Address) -> tuple[Version, Thread] | None:
        """Return the conversation's unfinished procedure, if it has one.

        Raises:
            ProcedureUnreadable: it was altered, or sealed for another conversation or version.
        """
        async with self.tenancy.session(address.tenant_id) as session:
            row = (await Statement(_READ, _keys(address)).execute(session)).first()
        if row is None:
            return None
        version = Version(row.release, row.graph)
        try:
            data = self.sealer.open(PURPOSE, bytes(row.payload), seal_context(address, version))
            return version, Thread.loaded(data)
        except (SealBroken, ValueError) as error:
            raise ProcedureUnreadable() from error

    def keep(self, address: Address, version: Version, thread: Thread, only_if: str = "true") -> Statement:
        """Return what writes the row, over an earlier one."""
        values = {
            "checkpoint_release": version.release,
            "checkpoint_graph": version.graph,
            "checkpoint_payload": self.sealer.seal(PURPOSE, thread.dumped(), seal_context(address, version)),
        }
        return Statement(_KEEP.format(only_if=only_if), _keys(address) | values)


def forget(address: Address, only_if: str = "true") -> Statement:
    """Return what deletes a conversation's unfinished procedure, for example when a person takes over."""
    return Statement(_FORGET.format(only_if=only_if), _keys(address))


def _keys(address: Address) -> dict[str, Any]:
    return {"tenant": address.tenant_id, "conversation": address.conversation_id}


def seal_context(address: Address, version: Version) -> bytes:
    """What the seal is bound to: nobody can move a row to another conversation or version."""
    return f"{address.tenant_id}/{address.conversation_id}/{version.release}/{version.graph}".encode()


_READ = (
    "select release, graph, payload from checkpoints"
    " where tenant_id = %(tenant)s and conversation_id = %(conversation)s"
)
_KEEP = (
    "insert into checkpoints (tenant_id, conversation_id, release, graph, payload)"
    " select %(tenant)s::uuid, %(conversation)s::uuid, %(checkpoint_release)s::integer,"
    " %(checkpoint_graph)s::text, %(checkpoint_payload)s::bytea where {only_if}"
    " on conflict (tenant_id, conversation_id) do update set release = excluded.release,"
    " graph = excluded.graph, payload = excluded.payload, updated_at = clock_timestamp()"
)
_FORGET = (
    "delete from checkpoints"
    " where tenant_id = %(tenant)s and conversation_id = %(conversation)s and {only_if}"
)
