"""Accepting a customer's message: one trip that orders, deduplicates, bounds, stores and queues it.

What happens to a message that comes while the conversation still has an unanswered one is the agent's
double-texting policy: `enqueue` it as a turn of its own, `merge` it into the turn that waits, `interrupt` the
turn that runs and answer both together, or `reject` it.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from agents.stream import Address, Row
from foundation.database.trips import Json
from foundation.errors import (
    ConversationNotFound,
    MessageConflict,
    QueueFull,
    ReplikError,
    TurnInProgress,
)
from foundation.ids import MessageId, TurnId, new_uuid
from foundation.tenancy import Tenancy

DoubleTexting = Literal["enqueue", "merge", "interrupt", "reject"]


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many unanswered turns there may be; beyond them a message is refused with 429."""

    conversation: int = 20
    tenant: int = 500
    host: int = 1_000
    """Of what waits in the conversation's host or, if nobody owns it, in that with the shortest queue."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that will not be lost. `turn_id` is None while a person owns the conversation."""

    message_id: MessageId
    turn_id: TurnId | None
    position: int
    duplicate: bool
    woken: bool = False
    """Whether a living owner has heard of it, so that nobody else need be woken."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one trip did with a message."""

    accepted: Accepted
    row: Row | None
    """The new row of the stream; None for a duplicate."""
    control_version: int
    owner: UUID | None
    """The living host that owns the conversation."""
    interrupts: bool
    """Whether the run that goes on is to be ended."""
    filled: float
    """The share of the tenant's queue that is taken, 0..1."""


async def take_in(
    tenancy: Tenancy,
    limits: QueueLimits,
    address: Address,
    *,
    said: str,
    client_message_id: str,
    channel: str,
    digest: bytes,
) -> Taken:
    """Store a message, or find it stored already.

    Raises:
        ConversationNotFound: this tenant has no such conversation.
        MessageConflict: the client message id was used with another text.
        TurnInProgress: the agent's policy is `reject` and a turn is unanswered.
        QueueFull: too much is unanswered in this conversation, tenant or host.
    """
    parts = [{"type": "text", "text": said}]
    values: dict[str, Any] = address.keys() | {
        "client": client_message_id,
        "digest": digest,
        "channel": channel,
        "parts": Json(parts),
        "message": new_uuid(),
        "turn": new_uuid(),
        "per_conversation": limits.conversation,
        "per_tenant": limits.tenant,
        "per_host": limits.host,
    }
    found = (await tenancy.trip(address.tenant_id, LOCK, _TAKE_IN, values=values)).rows
    if not found:
        raise ConversationNotFound()
    [got] = found
    filled = got.waiting / limits.tenant
    if got.verdict == "duplicate":
        if bytes(got.earlier_hash) != digest:
            raise MessageConflict()
        turn_id = TurnId(got.earlier_turn) if got.earlier_turn else None
        accepted = Accepted(MessageId(got.earlier_id), turn_id, got.earlier_position, duplicate=True)
        return Taken(accepted, None, got.control_version, None, interrupts=False, filled=filled)
    if got.position is None:
        raise _refusal(got.verdict)
    turn_id = TurnId(got.turn_id) if got.turn_id else None
    row = Row(
        got.position,
        values["message"],
        turn_id,
        "customer",
        "text",
        None,
        tuple(parts),
        client_message_id,
        got.created_at.isoformat(timespec="milliseconds"),
    )
    return Taken(
        Accepted(MessageId(row.message_id), turn_id, row.position, duplicate=False),
        row,
        got.control_version,
        got.owner,
        interrupts=got.policy == "interrupt" and got.running,
        filled=filled,
    )


def _refusal(verdict: str) -> ReplikError:
    match verdict:
        case "busy":
            return TurnInProgress()
        case "conversation":
            return QueueFull(reason="conversation_queue", retry_after_s=5)
        case "tenant" | "host":
            return QueueFull(reason=f"{verdict}_queue", retry_after_s=2)
    raise AssertionError(verdict)


LOCK: Final = """
select 1 as locked from activations
where tenant_id = %(tenant)s and conversation_id = %(conversation)s for no key update
"""
"""Goes before what must see everything that happened to the conversation: statements see what was committed
before they began, and this one waits."""

_TAKE_IN: Final = """
with given as materialized (
    select a.mode, a.control_version, h.id as owner, coalesce((h.stats->>'waiting')::int, 0) as owner_waits,
        coalesce((select r.behaviour->>'double_texting' from releases r where r.tenant_id = %(tenant)s
            order by r.number desc limit 1), 'enqueue') as policy,
        m.id as earlier_id, m.turn_id as earlier_turn, m.position as earlier_position,
        m.body_hash as earlier_hash,
        (select count(*) from (select 1 from turns where tenant_id = %(tenant)s
            and state in ('queued', 'running') limit %(per_tenant)s) t) as waiting
    from activations a
    left join hosts h on h.id = a.host_id and h.incarnation = a.incarnation
        and h.lease_until > clock_timestamp()
    left join messages m on m.tenant_id = %(tenant)s and m.conversation_id = %(conversation)s
        and m.client_message_id = %(client)s
    where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
), unanswered as (
    select id, state, positions from turns
    where tenant_id = %(tenant)s and conversation_id = %(conversation)s and state in ('queued', 'running')
), judged as (
    select g.*, exists (select 1 from unanswered where state = 'running') as running, case
        when g.earlier_id is not null then 'duplicate'
        when g.mode = 'human' then 'for_a_person'
        when g.policy = 'reject' and exists (select 1 from unanswered) then 'busy'
        when (select count(*) from unanswered) >= %(per_conversation)s then 'conversation'
        when g.waiting >= %(per_tenant)s then 'tenant'
        when case when g.owner is not null then g.owner_waits else
            (select min(coalesce((stats->>'waiting')::int, 0)) from hosts
             where lease_until > clock_timestamp()) end >= %(per_host)s then 'host'
        else 'for_the_agent' end as verdict
    from given g
), ordered as (
    update activations a set position = a.position + 1 from judged j
    where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
      and j.verdict in ('for_the_agent', 'for_a_person')
    returning a.position
), merged as (
    update turns t set positions = t.positions || o.position from judged j, ordered o
    where j.verdict = 'for_the_agent' and j.policy in ('merge', 'interrupt')
      and t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s
      and t.id = (select id from unanswered where state = 'queued' order by positions[1] desc limit 1)
    returning t.id
), queued as (
    insert into turns (tenant_id, conversation_id, id, positions)
    select %(tenant)s, %(conversation)s, %(turn)s, array[o.position] from judged j, ordered o
    where j.verdict = 'for_the_agent' and not exists (select 1 from merged)
    returning id
), inserted as (
    insert into messages (tenant_id, conversation_id, position, id, turn_id, author, kind, visibility,
        channel, parts, client_message_id, body_hash)
    select %(tenant)s, %(conversation)s, o.position, %(message)s,
        coalesce((select id from merged), (select id from queued)), 'customer', 'text', 'public', %(channel)s,
        %(parts)s, %(client)s, %(digest)s
    from ordered o
    returning position, turn_id, created_at
)
select j.verdict, j.policy, j.running, j.owner, j.waiting, j.control_version, j.earlier_id, j.earlier_turn,
    j.earlier_position, j.earlier_hash, i.position, i.turn_id, i.created_at
from judged j left join inserted i on true
"""
