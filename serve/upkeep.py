"""What gateways do in the background: people's data, what is too old, and mails that wait."""

from functools import partial

from agents.privacy.jobs import PrivacyWorker
from agents.privacy.stores import Stores
from agents.retention import RetentionWorker
from agents.upkeep import keep_up_for_ever
from foundation.identity.mail_outbox import expire
from serve.services import Services


def privacy_worker(services: Services) -> PrivacyWorker:
    """Return what works off exports and erasures."""
    stores = Stores(services.tenancy, services.keyspace, services.vectors, services.files)
    return PrivacyWorker(services.system, stores, services.bus, services.sealer)


def retention_worker(services: Services) -> RetentionWorker:
    """Return what deletes old conversations, traces and people's ended sessions."""
    return RetentionWorker(services.system, services.tenancy)


async def keep_up(services: Services) -> None:
    """Do both until cancelled, and send the mails that could not be sent at once, or give them up."""
    mail_outbox = services.identity.letters.mail_outbox
    send = [] if mail_outbox is None else [mail_outbox.work]
    await keep_up_for_ever(
        privacy_worker(services), retention_worker(services), partial(expire, services.system), *send
    )
