"""A host with the light agent, in the place of `agents.assembly.assemble`: no embedder, no Chroma."""

import functools

from agents.assembly import Assembled
from agents.conversation import Agent
from agents.host import Host
from agents.stream import Json
from foundation.clients.bus.valkey import ValkeyBus
from foundation.crypto import sealer_of
from foundation.database.engine import connect
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from foundation.turns import Language
from tests.light.agent import LightAgent
from tests.light.graph import SENTENCES


async def build(settings: Settings) -> Assembled:
    """Return a started host. A release's behaviour says how many `sentences` an answer has."""

    @functools.cache
    def light(sentences: int) -> LightAgent:
        return LightAgent(sentences)

    def agent_of(behaviour: Json) -> Agent:
        return light(behaviour.get("sentences", SENTENCES))

    tenancy = Tenancy(connect(settings.require("database_url")))
    lease_engine = connect(settings.require("database_url"), pool_size=1)
    bus = ValkeyBus(settings.require("redis_url"))
    host = Host(
        tenancy=tenancy,
        bus=bus,
        agent_of=agent_of,
        fixed_text=fixed_text,
        turn_deadline_s=settings.turn_deadline_s,
        sealer=sealer_of(settings),
        lease_engine=lease_engine,
    )
    await host.start()
    return Assembled(host, bus, tenancy, lease_engine)


def fixed_text(name: str, _language: Language | None) -> str:
    """Return a fixed text that a test can tell by its name."""
    return f"<{name}>"
