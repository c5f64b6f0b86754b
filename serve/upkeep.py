"""What gateways do in the background: people's data, what is too old, and mails that wait."""

from agents.privacy.jobs import PrivacyWorker
from agents.privacy.stores import Stores
from agents.retention import RetentionWorker
from agents.upkeep import keep_up_for_ever
from serve.services import Services


def privacy_worker(services: Services) -> PrivacyWorker:
    """Return what works off exports and erasures."""
    stores = Stores(services.tenancy, services.keyspace, services.vectors, services.files)
    return PrivacyWorker(services.system, stores, services.bus, services.sealer)


def retention_worker(services: Services) -> RetentionWorker:
    """Return what deletes old conversations, traces and people's ended sessions."""
    return RetentionWorker(services.system, services.tenancy)


async def keep_up(services: Services) -> None:
    """Do both until cancelled, and send the mails that could not be sent at once."""
    outbox = services.identity.letters.outbox
    send = outbox.work if outbox is not None else _nothing
    await keep_up_for_ever(privacy_worker(services), retention_worker(services), send)


async def _nothing() -> int:
    return 0
