"""One change to a conversation by staff: a transaction that takes its turn among all others.

Whatever staff do locks the `activations` row first, as the agent's commits and customers' messages do, takes
the next position from it, and leaves a row in the stream. What is to be told is told after the commit.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agents.frames import Stored, encode
from agents.inbox.reading import state
from agents.inbox.views import ConversationView
from agents.mailbox import Mode, hand_over, insert_row
from agents.requests import Request
from agents.staff_channel import bell
from agents.stream import Address, Json, Row
from foundation import audit
from foundation.clients.bus.port import Bus, Post
from foundation.errors import ConversationNotFound, PreconditionFailed
from foundation.ids import PersonId, show
from foundation.tenancy import Tenancy, TenantSession


@dataclass(frozen=True, slots=True)
class Staff:
    """Who does it."""

    actor: str
    """As the audit log names them."""
    name: str
    """As customers read it beside what they say."""
    person_id: PersonId | None = None
    """Only when a person is signed in; a key is nobody."""


@dataclass(slots=True)
class Change:
    """A change while its transaction is open."""

    session: TenantSession
    address: Address
    staff: Staff
    before: ConversationView
    owner: UUID | None
    """The host that owns the conversation."""
    posts: list[Post] = field(default_factory=list)
    """What is told after the commit."""

    async def give(self, mode: Mode, said: str) -> None:
        """See to it that a person, or the agent, has the conversation."""
        stored = await hand_over(self.session, self.address, mode=mode, said=said, actor=self.staff.actor)
        if isinstance(stored, int):
            return
        self.posts.append(Post(self.address.channel, encode(stored)))
        if self.owner is not None:
            self.posts.append(Request("stop", self.address).post(self.owner))

    async def add(
        self,
        parts: Sequence[Json],
        *,
        author: str = "system",
        kind: str = "event",
        visibility: str = "internal",
        language: str | None = None,
        client_message_id: str | None = None,
        body_hash: bytes | None = None,
    ) -> Row:
        """Put a row into the stream at the next position; customers are told of public ones only."""
        ordered = (await self.session.execute(_NEXT, self.address.keys())).one()
        row = await insert_row(
            self.session,
            self.address,
            position=ordered.position,
            author=author,
            kind=kind,
            channel=self.before.channel,
            parts=parts,
            visibility=visibility,
            language=language,
            client_message_id=client_message_id,
            body_hash=body_hash,
        )
        if visibility == "public":
            self.posts.append(Post(self.address.channel, encode(Stored(row, ordered.control_version))))
        return row

    async def set(self, values: dict[str, Any]) -> None:
        """Set columns of the conversation: one version more."""
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        statement = text(_SET.format(assignments=assignments))
        if "metadata" in values:
            statement = statement.bindparams(bindparam("metadata", type_=JSONB))
        await self.session.execute(statement, self.address.keys() | values)

    async def record(
        self, verb: str, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
    ) -> None:
        """Write the audit row."""
        await audit.record(
            self.session,
            self.address.tenant_id,
            actor=self.staff.actor,
            action=f"conversation.{verb}",
            subject=show("conversation", self.address.conversation_id),
            before=before,
            after=after,
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """Opens changes."""

    tenancy: Tenancy
    bus: Bus

    @asynccontextmanager
    async def open(self, address: Address, staff: Staff, expected: int | None) -> AsyncIterator[Change]:
        """Yield a change; committed and told when the block ends. `expected`: the version that was read.

        Raises:
            ConversationNotFound: this tenant has no such conversation.
            PreconditionFailed: it has another version than `expected`.
        """
        async with self.tenancy.session(address.tenant_id) as session:
            locked = (await session.execute(_LOCK, address.keys())).first()
            if locked is None:
                raise ConversationNotFound()
            before = await state(session, address)
            if expected is not None and before.version != expected:
                raise PreconditionFailed(version=before.version)
            change = Change(session, address, staff, before, locked.host_id)
            yield change
        await self.bus.post(*change.posts, bell(address))


_LOCK: Final = text(
    "select host_id from activations"
    " where tenant_id = :tenant and conversation_id = :conversation for no key update"
)
_NEXT: Final = text(
    "update activations set position = position + 1"
    " where tenant_id = :tenant and conversation_id = :conversation returning position, control_version"
)
_SET: Final = (
    "update conversations set {assignments}, version = version + 1, updated_at = clock_timestamp()"
    " where tenant_id = :tenant and id = :conversation"
)
