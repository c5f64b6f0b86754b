"""Identifiers: UUIDv7 (RFC 9562) inside, `prefix_<32 hex digits>` in the API.

Each kind is a `NewType`, so that a tenant id cannot pass as a conversation id.
"""

from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

from foundation.errors import InvalidId

TenantId = NewType("TenantId", UUID)
ConversationId = NewType("ConversationId", UUID)
TurnId = NewType("TurnId", UUID)
MessageId = NewType("MessageId", UUID)
VisitorId = NewType("VisitorId", UUID)
KeyId = NewType("KeyId", UUID)
SourceId = NewType("SourceId", UUID)
PassageId = NewType("PassageId", UUID)
CrawlId = NewType("CrawlId", UUID)
PolicyId = NewType("PolicyId", UUID)
ApprovedId = NewType("ApprovedId", UUID)
HostId = NewType("HostId", UUID)
PersonId = NewType("PersonId", UUID)
InboxId = NewType("InboxId", UUID)
SessionId = NewType("SessionId", UUID)
RoleId = NewType("RoleId", UUID)
InvitationId = NewType("InvitationId", UUID)
CustomerId = NewType("CustomerId", UUID)
CannedId = NewType("CannedId", UUID)

PREFIXES = {
    "tenant": "ten",
    "conversation": "conv",
    "turn": "turn",
    "message": "msg",
    "visitor": "vis",
    "source": "src",
    "passage": "psg",
    "crawl": "crl",
    "reindex": "rix",
    "erasure": "ers",
    "policy": "pol",
    "approved": "apr",
    "person": "per",
    "session": "ses",
    "invitation": "inv",
    "role": "rol",
    "key": "key",
    "inbox": "box",
    "canned": "can",
    "case": "case",
    "customer": "cus",
    "privacy": "prv",
}


def new_uuid() -> UUID:
    """Return a fresh, time-ordered UUIDv7."""
    return uuid7()


def show(kind: str, value: UUID) -> str:
    """Return the API form of an id, for example `conv_0190…`."""
    return f"{PREFIXES[kind]}_{value.hex}"


def parse(kind: str, text: str) -> UUID:
    """Return the UUID behind an API id.

    Raises:
        InvalidId: the prefix is another kind's, or the rest is not 32 hex digits.
    """
    prefix, _, digits = text.partition("_")
    if prefix != PREFIXES[kind] or len(digits) != 32:
        raise InvalidId(kind=kind)
    try:
        return UUID(hex=digits)
    except ValueError:
        raise InvalidId(kind=kind) from None
