"""A host for chaos: the light agent behind a gate, in the place of `agents.assembly.assemble`."""

import os

from agents.assembly import Assembled
from agents.host import Host
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from tests.chaos.action import Orders
from tests.chaos.gate import Gate, GatedAgent, GatedBus
from tests.light.agent import LightAgent
from tests.light.host import fixed_text

SENTENCES = 8
SOCKET = "CHAOS_SOCKET"
"""The environment variable that names the control room's socket."""
OUTSIDE = "CHAOS_OUTSIDE"
"""And the one with the address of the outside service."""


def named(url: str, pid: int) -> str:
    """Return the database URL under which the host with this process id is known to the database."""
    return f"{url}{'&' if '?' in url else '?'}application_name=host-{pid}"


async def build(settings: Settings) -> Assembled:
    """Return a started host that tells the control room what it does."""
    gate = await Gate.open(os.environ[SOCKET])
    url = named(settings.require("database_url"), os.getpid())
    tenancy = Tenancy(connect(url))
    lease_engine = connect(url, pool_size=1)
    bus = GatedBus(settings.require("redis_url"), gate)
    orders = Orders(
        tenancy,
        sealer_of(settings),
        os.environ[OUTSIDE],
        gate,
        lambda: host.host_id,
    )
    agent = GatedAgent(LightAgent(SENTENCES), gate, orders.place)
    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=lambda _behaviour: agent,
        fixed_text=fixed_text,
        turn_deadline_s=settings.turn_deadline_s,
        sealer=sealer_of(settings),
        lease_engine=lease_engine,
    )
    await host.start()
    return Assembled(host, bus, tenancy, lease_engine)
