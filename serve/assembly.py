"""Builds what a gateway works with from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.acceptance import QueueLimits
from agents.follow import Reader
from agents.handover_text import HandoverText
from agents.inbox.hub import Hub
from agents.mailbox import Mailbox
from agents.waker import Waker
from foundation.clients.bus.valkey import ValkeyBus
from foundation.clients.files.fsspec_store import FsspecStore
from foundation.clients.keyspace.valkey import ValkeyKeyspace
from foundation.clients.limits.valkey import ValkeyLimits
from foundation.clients.presence.valkey import ValkeyPresence
from foundation.clients.vectors.chroma import ChromaIndex
from foundation.crypto import Tokens, sealer_of
from foundation.database.engine import connect
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from graphs.replies import load_replies
from graphs.retrieval.choice import retriever_for
from ingest.sources import Sources
from serve.identity import identity_for
from serve.key_use import KeyUse
from serve.own_limits import OwnLimits
from serve.services import Services


@asynccontextmanager
async def open_services(settings: Settings, waker: Waker) -> AsyncIterator[Services]:
    """Yield the services; `settings` are those that the started stack completed."""
    sealer = sealer_of(settings)
    tenancy = Tenancy(connect(settings.require("database_url")), sealer)
    system = connect(settings.require("database_system_url"), pool_size=1)
    bus = ValkeyBus(settings.require("redis_url"))
    keyspace = ValkeyKeyspace(settings.require("redis_url"))
    files = FsspecStore(files_root(settings))
    vectors = ChromaIndex(settings.require("chroma_url"))
    presence = ValkeyPresence(settings.require("redis_url"))
    replies = load_replies()
    identity = identity_for(settings, tenancy, system)
    key_use = KeyUse(tenancy)
    limits = ValkeyLimits(settings.require("redis_url"))
    try:
        yield Services(
            settings=settings,
            tenancy=tenancy,
            system=system,
            bus=bus,
            mailbox=Mailbox(
                tenancy,
                bus,
                QueueLimits(
                    conversation=settings.queue_per_conversation,
                    tenant=settings.queue_per_tenant,
                    host=settings.queue_per_host,
                ),
            ),
            reader=Reader(tenancy, bus),
            waker=waker,
            tokens=Tokens(sealer),
            sealer=sealer,
            key_use=key_use,
            limits=limits,
            own_limits=OwnLimits(tenancy),
            files=files,
            vectors=vectors,
            retriever=retriever_for(settings, tenancy, vectors),
            sources=Sources(tenancy, files),
            identity=identity,
            keyspace=keyspace,
            hub=Hub(tenancy, bus),
            presence=presence,
            fixed_text=replies.in_language,
            handover_text=HandoverText(tenancy, replies.text),
        )
    finally:
        await identity.close()
        await bus.close()
        await limits.close()
        await key_use.close()
        await keyspace.close()
        await presence.close()
        await system.dispose()
        await tenancy.close()


def files_root(settings: Settings) -> str:
    """Return where files are kept."""
    return settings.files_url or str(settings.home / "files")
