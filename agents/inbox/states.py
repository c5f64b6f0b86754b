"""Changing what a conversation is: status, who has it, inbox, labels, snooze, metadata, customer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from agents.inbox.changing import Change, Changes, Staff
from agents.inbox.reading import state
from agents.inbox.views import ConversationView, Status
from agents.stream import Address
from foundation.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be changed: only the columns named, with their new values."""

    values: dict[str, Any]
    """`status`, `snoozed_until`, `assignee_id`, `inbox_id`, `customer_id`, `labels`, `metadata`."""


@dataclass(frozen=True, slots=True)
class States:
    changes: Changes

    async def change(
        self, address: Address, staff: Staff, wanted: Wanted, *, expected: int | None = None
    ) -> ConversationView:
        """Change a conversation's state and return it; what is already so changes nothing.

        Resolving gives the conversation back to the agent.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            PreconditionFailed: it has another version than `expected`.
            NotFound: the inbox or customer does not exist, or the assignee is not in the team.
            InvalidInput: snoozed without a time that is still to come.
        """
        async with self.changes.open(address, staff, expected) as change:
            return await apply(change, wanted)


async def apply(change: Change, wanted: Wanted) -> ConversationView:
    """Change the state within a change; return it."""
    values = _with_times(change.before, wanted.values)
    now = _stored(change.before)
    values = {name: value for name, value in values.items() if now[name] != value}
    if not values:
        return change.before
    await _refuse_unknown(change, values)
    if values.get("status") == "resolved":
        await change.give("agent", "")
    await change.set(values)
    after = await state(change.session, change.address)
    differences = _differences(change.before, after)
    await change.add(
        [{"type": "event", "name": "changed", "by": change.staff.actor, "changes": differences["after"]}]
    )
    await change.record("change", before=differences["before"], after=differences["after"])
    return after


def _with_times(before: ConversationView, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values and what follows from a new status."""
    if "snoozed_until" in values and values["snoozed_until"] is not None:
        values = {**values, "status": values.get("status", "snoozed")}
    status: Status | None = values.get("status")
    if status is None:
        return values
    until: datetime | None = values.get("snoozed_until")
    if status == "snoozed" and (until is None or until <= datetime.now(UTC)):
        raise InvalidInput(field="snoozed_until", reason="future_needed")
    resolved_at = before.resolved_at or datetime.now(UTC) if status == "resolved" else None
    return {**values, "snoozed_until": until if status == "snoozed" else None, "resolved_at": resolved_at}


def _stored(view: ConversationView) -> dict[str, Any]:
    return {
        "status": view.status,
        "snoozed_until": view.snoozed_until,
        "resolved_at": view.resolved_at,
        "assignee_id": _uuid(view.assignee_id),
        "inbox_id": _uuid(view.inbox_id),
        "customer_id": _uuid(view.customer.customer_id if view.customer else None),
        "labels": list(view.labels),
        "metadata": view.metadata,
    }


def _uuid(shown: str | None) -> UUID | None:
    return None if shown is None else UUID(shown.partition("_")[2])


async def _refuse_unknown(change: Change, values: dict[str, Any]) -> None:
    for column, (kind, there) in _THERE.items():
        if values.get(column) is None:
            continue
        keys = {"tenant": change.address.tenant_id, "id": values[column]}
        if (await change.session.execute(there, keys)).first() is None:
            raise NotFound(kind=kind)


def _differences(before: ConversationView, after: ConversationView) -> dict[str, dict[str, Any]]:
    old, new = (_audited(view) for view in (before, after))
    names = [name for name in new if old[name] != new[name]]
    return {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}


def _audited(view: ConversationView) -> dict[str, Any]:
    """Return what the log keeps of a state: no customer's own words, and of metadata only the names."""
    shown = view.model_dump(mode="json", include={"status", "assignee_id", "inbox_id", "snoozed_until"})
    return {
        **shown,
        "labels": list(view.labels),
        "metadata": sorted(view.metadata),
        "customer_id": view.customer.customer_id if view.customer else None,
    }


_THERE: Final = {
    "inbox_id": ("inbox", text("select 1 from inboxes where tenant_id = :tenant and id = :id")),
    "customer_id": ("customer", text("select 1 from customers where tenant_id = :tenant and id = :id")),
    "assignee_id": (
        "person",
        # Held until the change is stored: nobody is removed from the team in between.
        text("select 1 from memberships where tenant_id = :tenant and person_id = :id for key share"),
    ),
}
