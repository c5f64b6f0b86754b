"""A light host whose answers begin with the process that wrote them, so that clients can tell hosts apart."""

import os
from collections.abc import AsyncGenerator

from agents.assembly import Assembled
from foundation.settings import Settings
from foundation.turns import Answer, ReplyEvent, Turn
from tests.light import host as light
from tests.light.agent import LightAgent


class SignedAgent(LightAgent):
    """The light agent; its final text is `<process id> <the light answer>`."""

    async def run(self, turn: Turn, _saver: object = None) -> AsyncGenerator[ReplyEvent, None]:
        async for event in super().run(turn):
            signed = {"text": f"{os.getpid()} {event.text}"} if isinstance(event, Answer) else {}
            yield event.model_copy(update=signed)


async def build(settings: Settings) -> Assembled:
    """Return a started host, as `tests.light.host.build` does; the whole process is this host's."""
    vars(light)["LightAgent"] = SignedAgent
    return await light.build(settings)
