"""What the inbox's small things have in common: a row that is locked, stored under a name, recorded."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from foundation import audit
from foundation.database.models import CannedReply, Inbox
from foundation.errors import Conflict, NotFound
from foundation.ids import TenantId, show
from foundation.tenancy import TenantSession

Row = TypeVar("Row", CannedReply, Inbox)


async def locked(session: TenantSession, kind: str, model: type[Row], row_id: UUID) -> Row:
    """Return a row that nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none of this id.
    """
    found = await session.execute(select(model).where(model.id == row_id).with_for_update())
    row = found.scalar_one_or_none()
    if row is None:
        raise NotFound(kind=kind)
    return row


async def stored(session: TenantSession, row: Row, *, taken: str) -> None:
    """Write a row, and read what the database made of it.

    Raises:
        Conflict: another one has its name; `taken` says so.
    """
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(state=taken) from None
    await session.refresh(row)


async def record(
    session: TenantSession,
    tenant_id: TenantId,
    actor: str,
    action: str,
    row_id: UUID,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write the audit row; `action` is `kind.verb`, and the kind is that of the id."""
    kind = action.partition(".")[0]
    await audit.record(
        session,
        tenant_id,
        actor=actor,
        action=action,
        subject=show(kind, row_id),
        before=before,
        after=after,
    )
