"""The durable mailbox: what a conversation is sent is a row before it is acknowledged.

Accept is one transaction by any gateway: the narrow `activations` row gives the position, then the message
and the turn are inserted. The same client message id is accepted once, with another text it is refused.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agents import admission
from agents.acceptance import Accepted, QueueLimits, take_in
from agents.back_pressure import BackPressure
from agents.frames import Stored, encode
from agents.requests import Request, What
from agents.staff_channel import bell
from agents.stream import Address, Json, Row
from agents.unfinished import forget
from foundation.audit import record
from foundation.clients.bus.port import Bus, Post
from foundation.errors import ConversationNotFound, IdempotencyConflict, QueueFull
from foundation.ids import ConversationId, TenantId, VisitorId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession

Mode = Literal["agent", "human"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation that was started, now or by an earlier call with the same key."""

    conversation_id: ConversationId
    visitor_id: VisitorId


@dataclass(frozen=True, slots=True)
class Mailbox:
    tenancy: Tenancy
    bus: Bus
    limits: QueueLimits = field(default_factory=QueueLimits)
    pressure: BackPressure = field(default_factory=BackPressure)

    async def open(
        self,
        tenant_id: TenantId,
        *,
        channel: str,
        language: str | None,
        idempotency_key: str | None,
        vouched: admission.Vouched | None = None,
    ) -> Opened:
        """Start a conversation; the same idempotency key gives the same conversation.

        `vouched` is who the visitor is to the company, whose server has signed for it.

        Raises:
            IdempotencyConflict: the key was used for a conversation on another channel, or of somebody else.
            PlanLimit: the tenant's plan allows no more this month.
            ChannelOff: the tenant has switched the channel off.
        """
        opened = Opened(ConversationId(new_uuid()), VisitorId(new_uuid()))
        values = {
            "tenant": tenant_id,
            "id": opened.conversation_id,
            "channel": channel,
            "language": language,
            "visitor": opened.visitor_id,
            "key": idempotency_key,
            **(asdict(vouched) if vouched else admission.NOBODY),
            "limits": admission.limits(),
        }
        # A number of its own transaction: the row that counts is not locked while the start reaches the disk.
        numbered = (await self.tenancy.trip(tenant_id, _NEXT_CASE, values=values, lightly=True)).rows
        if numbered:
            values["case"] = numbered[0].last
            if (await self.tenancy.trip(tenant_id, admission.OPEN, values=values)).rows:
                return opened
        found = (await self.tenancy.trip(tenant_id, _OPENED, values=values)).rows
        if not found:
            raise await admission.refusal(self.tenancy, tenant_id, channel)
        [row] = found
        if (row.channel, row.external_id) != (channel, values["external_id"]):
            raise IdempotencyConflict()
        return Opened(ConversationId(row.id), VisitorId(row.visitor_id))

    async def accept(self, address: Address, *, said: str, client_message_id: str, channel: str) -> Accepted:
        """Store a customer's message and its turn, and tell the conversation's readers and its owner.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            MessageConflict: the client message id was used with another text.
            TurnInProgress: the agent's policy is to take one message at a time.
            QueueFull: too much is unanswered already.
        """
        await self.pressure.wait(address.tenant_id)
        try:
            taken = await take_in(
                self.tenancy,
                self.limits,
                address,
                said=said,
                client_message_id=client_message_id,
                channel=channel,
                digest=sha256(said.encode()).digest(),
            )
        except QueueFull as full:
            if full.data["reason"] == "tenant_queue":
                self.pressure.note(address.tenant_id, 1.0)
            raise
        self.pressure.note(address.tenant_id, taken.filled)
        if taken.row is None:
            return taken.accepted
        posts = [Post(address.channel, encode(Stored(taken.row, taken.control_version))), bell(address)]
        wakes_owner = taken.owner is not None and taken.accepted.turn_id is not None
        if taken.owner is not None and wakes_owner:
            what: What = "interrupt" if taken.interrupts else "wake"
            posts.append(Request(what, address, position=taken.row.position).post(taken.owner))
        heard = await self.bus.post(*posts)
        return replace(taken.accepted, woken=wakes_owner and heard[-1] > 0)

    async def control(self, address: Address, *, mode: Mode, said: str, actor: str) -> int:
        """Give the conversation to a person or back to the agent; return the new control version.

        A durable row in the conversation's stream. Asking again for the same mode changes nothing.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
        """
        async with self.tenancy.session(address.tenant_id) as session:
            owner = await _owner(session, address)
            stored = await hand_over(session, address, mode=mode, said=said, actor=actor)
        if isinstance(stored, int):
            return stored
        posts = [Post(address.channel, encode(stored)), bell(address)]
        if owner is not None:
            posts.append(Request("stop", address).post(owner))
        await self.bus.post(*posts)
        return stored.control_version

    async def language(self, address: Address) -> str | None:
        """Return the conversation's language so far.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
        """
        found = (await self.tenancy.trip(address.tenant_id, _LANGUAGE, values=address.keys())).rows
        if not found:
            raise ConversationNotFound()
        language: str | None = found[0].language
        return language


async def _owner(session: TenantSession, address: Address) -> UUID | None:
    found = await session.execute(
        text(
            "select host_id from activations"
            " where tenant_id = :tenant and conversation_id = :conversation for no key update"
        ),
        address.keys(),
    )
    owner: UUID | None = found.scalar()
    return owner


async def insert_row(
    session: TenantSession,
    address: Address,
    *,
    position: int,
    author: str,
    kind: str,
    channel: str,
    parts: Sequence[Json],
    turn_id: UUID | None = None,
    language: str | None = None,
    visibility: str = "public",
    client_message_id: str | None = None,
    body_hash: bytes | None = None,
) -> Row:
    """Add a row to the stream, at a position that this transaction has taken from `activations`."""
    values: dict[str, Any] = address.keys() | {
        "position": position,
        "id": new_uuid(),
        "turn": turn_id,
        "author": author,
        "kind": kind,
        "visibility": visibility,
        "channel": channel,
        "language": language,
        "parts": list(parts),
        "client_message_id": client_message_id,
        "body_hash": body_hash,
    }
    inserted = await session.execute(_INSERT_ROW, values)
    return Row.of(inserted.one())


async def hand_over(
    session: TenantSession, address: Address, *, mode: Mode, said: str, actor: str
) -> Stored | int:
    """Write the control row of a handover; return it, or the control version if the mode is already so.

    All in the caller's transaction: mode and version, waiting turns, the stream's row, the audit row.
    """
    changed = (
        await session.execute(
            text(
                # Whoever runs a turn now has lost the conversation, also if it comes back at once.
                "update activations set mode = :mode, control_version = control_version + 1,"
                " position = position + 1, host_id = null, incarnation = null, epoch = epoch + 1"
                " where tenant_id = :tenant and conversation_id = :conversation and mode <> :mode"
                " returning position, control_version"
            ),
            address.keys() | {"mode": mode},
        )
    ).first()
    if changed is None:
        current = await session.execute(
            text(
                "select control_version from activations"
                " where tenant_id = :tenant and conversation_id = :conversation"
            ),
            address.keys(),
        )
        version: int | None = current.scalar()
        if version is None:
            raise ConversationNotFound()
        return version
    if mode == "human":
        await session.execute(
            text(
                "update turns set state = 'handed_over', finished_at = clock_timestamp()"
                " where tenant_id = :tenant and conversation_id = :conversation"
                " and state in ('queued', 'running')"
            ),
            address.keys(),
        )
        await forget(address).execute(session)
    await session.execute(
        text(
            "update conversations set status = :status, snoozed_until = null, resolved_at = null,"
            " version = version + 1, updated_at = clock_timestamp()"
            " where tenant_id = :tenant and id = :conversation"
        ),
        address.keys() | {"status": "escalated" if mode == "human" else "active"},
    )
    row = await insert_row(
        session,
        address,
        position=changed.position,
        author="system",
        kind="event",
        channel="control",
        parts=[{"type": "event", "name": "handover", "mode": mode, "text": said}],
    )
    await record(
        session,
        address.tenant_id,
        actor=actor,
        action=f"conversation.handover.{mode}",
        subject=show("conversation", address.conversation_id),
        after={"mode": mode, "control_version": changed.control_version},
    )
    return Stored(row, changed.control_version)


_INSERT_ROW = text(
    "insert into messages (tenant_id, conversation_id, position, id, turn_id, author, kind, visibility,"
    " channel, language, parts, client_message_id, body_hash)"
    " values (:tenant, :conversation, :position, :id, :turn, :author, :kind, :visibility, :channel,"
    " :language, :parts, :client_message_id, :body_hash)"
    " returning position, id, turn_id, author, kind, language, parts, client_message_id, created_at"
).bindparams(bindparam("parts", type_=JSONB))
_NEXT_CASE = """
insert into case_numbers as n (tenant_id, last)
select %(tenant)s, 1 where not exists (
    select 1 from conversations where tenant_id = %(tenant)s and idempotency_key = %(key)s)
on conflict (tenant_id) do update set last = n.last + 1 returning last
"""
_OPENED = """
select id, visitor_id, channel, external_id from conversations
where tenant_id = %(tenant)s and (idempotency_key = %(key)s or id = %(id)s)
"""
_LANGUAGE = "select language from conversations where tenant_id = %(tenant)s and id = %(conversation)s"
