"""Whose knowledge a route works on, and with what."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request

from agents.inbox.hub import Hub
from foundation.clients.bus.port import Bus
from foundation.clients.files.port import FileStore
from foundation.clients.keyspace.port import Keyspace
from foundation.clients.presence.port import Presence
from foundation.clients.vectors.port import VectorIndex
from foundation.crypto import Sealer
from foundation.errors import InvalidId, NotFound
from foundation.identity.mails import NO_MAIL, Letters
from foundation.ids import TenantId, parse
from foundation.permissions import Principal
from foundation.tenancy import Tenancy
from graphs.replies import ReplyName
from graphs.retrieval.hybrid import HybridRetriever
from ingest.sources import Sources


async def _always() -> bool:
    """For operators at the machine itself."""
    return True


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant's knowledge and agent under the hands of `caller`, answered in `language`."""

    caller: Principal
    language: str
    tenancy: Tenancy
    files: FileStore
    vectors: VectorIndex
    bus: Bus
    embedding_model: str
    """The name of the model that new passages are embedded with."""
    retriever: HybridRetriever
    sealer: Sealer
    """For the keys that tenants give us."""
    keyspace: Keyspace
    """For erasing."""
    hub: Hub
    """Live events for staff."""
    presence: Presence
    """Who of staff is where."""
    fixed_text: Callable[[ReplyName, str | None], str]
    """What customers read at certain moments, by the conversation's language."""
    letters: Letters = NO_MAIL
    """For mail to people."""
    still_may: Callable[[], Awaitable[bool]] = _always
    """Whether `caller` may still do what they were let in for; for what goes on for minutes."""

    @property
    def tenant_id(self) -> TenantId:
        return self.caller.tenant_id

    @property
    def actor(self) -> str:
        """Who does it, as the audit log names them."""
        return self.caller.actor

    @property
    def sources(self) -> Sources:
        return Sources(self.tenancy, self.files)


async def _desk(request: Request) -> Desk:
    """Whoever mounts the routes decides whose desk it is, and refuses everybody else."""
    return cast(Desk, request.state.desk)


DeskDep = Annotated[Desk, Depends(_desk)]


def language_of(request: Request) -> str:
    """Return `sv` or `en`, as the client prefers."""
    return "sv" if request.headers.get("accept-language", "").lower().startswith("sv") else "en"


def id_of(kind: str, text: str) -> UUID:
    """Return the id behind its API form.

    Raises:
        NotFound: it is none of this kind.
    """
    try:
        return parse(kind, text)
    except InvalidId:
        raise NotFound(kind=kind) from None
