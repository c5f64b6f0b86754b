"""What the front door's routes work with."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from agents.follow import Reader
from agents.handover_text import HandoverText
from agents.inbox.hub import Hub
from agents.mailbox import Mailbox
from agents.waker import Waker
from foundation.clients.bus.port import Bus
from foundation.clients.files.port import FileStore
from foundation.clients.keyspace.port import Keyspace
from foundation.clients.limits.port import Limits
from foundation.clients.presence.port import Presence
from foundation.clients.vectors.port import VectorIndex
from foundation.crypto import Sealer, Tokens
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from graphs.replies import ReplyName
from graphs.retrieval.hybrid import HybridRetriever
from ingest.sources import Sources
from serve.counters import Counters
from serve.identity import Identity
from serve.key_use import KeyUse
from serve.own_limits import OwnLimits


@dataclass(frozen=True, slots=True)
class Services:
    """Built once per gateway process."""

    settings: Settings
    tenancy: Tenancy
    system: AsyncEngine
    bus: Bus
    mailbox: Mailbox
    reader: Reader
    waker: Waker
    tokens: Tokens
    sealer: Sealer
    """For what companies keep with us: keys of theirs, secrets of their visitors' identities."""
    key_use: KeyUse
    limits: Limits
    own_limits: OwnLimits
    """What tenants have set for their visitors."""
    files: FileStore
    vectors: VectorIndex
    retriever: HybridRetriever
    """For trying retrieval; conversations are answered by hosts, with their own."""
    sources: Sources
    identity: Identity
    keyspace: Keyspace
    """For erasing; conversations use the bus and the cache."""
    hub: Hub
    """Live events for staff."""
    presence: Presence
    """Who of staff is where."""
    fixed_text: Callable[[ReplyName, str | None], str]
    """What customers read at certain moments, by the conversation's language."""
    handover_text: HandoverText
    counters: Counters = field(default_factory=Counters)


OpenServices = Callable[[], AbstractAsyncContextManager[Services]]
