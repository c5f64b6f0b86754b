"""The clients of the tenant that floods in `tests.bench.flood`; they run in a process of their own."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event

import aiohttp
import uvloop

from foundation.ids import new_uuid

_STUBBORN_S = 0.05
_LINES = 200
"""A client goes on in a new conversation after so many messages."""


@dataclass(slots=True)
class Flooded:
    """What the front door said to all clients together."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Answers 429, by their reason."""


_stop: Event
"""Set when the flood is to end; given once, since a process inherits it when it starts."""


def obey(stop: Event) -> None:
    """End every flood of this process when `stop` is set."""
    global _stop  # noqa: PLW0603 - what the process was started with
    _stop = stop


def flood(url: str, widget_key: str, clients: int) -> Flooded:
    """Send messages as fast as they are accepted, until told to stop; return what became of them.

    Every second client waits as `Retry-After` says, the others ask again after 50 ms.

    Raises:
        RuntimeError: an answer that is neither 202 nor 429.
    """
    return uvloop.run(_flood(url, widget_key, clients))


async def _flood(url: str, widget_key: str, clients: int) -> Flooded:
    flooded = Flooded()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector) as session, asyncio.TaskGroup() as group:
        for number in range(clients):
            client = _Client(session, widget_key, flooded, honours=number % 2 == 0)
            group.create_task(client.send())
    return flooded


@dataclass(slots=True)
class _Client:
    session: aiohttp.ClientSession
    widget_key: str
    flooded: Flooded
    honours: bool
    """Whether it waits as long as it is told to."""

    async def send(self) -> None:
        while not _stop.is_set():
            path, headers = await self._start()
            for _ in range(_LINES):
                wait_s = await self._say(path, headers)
                if _stop.is_set():
                    return
                await asyncio.sleep(wait_s)

    async def _start(self) -> tuple[str, dict[str, str]]:
        """Start a conversation; return where to send messages, and with which headers."""
        headers = {"Authorization": f"Bearer {self.widget_key}"}
        path = "/api/chat/conversations"
        async with self.session.post(path, json={"language": "en"}, headers=headers) as response:
            if response.status != 201:
                raise RuntimeError(f"{response.status}: {await response.text()}")
            started = await response.json()
        token = started["visitor_token"]
        return f"{path}/{started['conversation_id']}/messages", {"Authorization": f"Bearer {token}"}

    async def _say(self, path: str, headers: dict[str, str]) -> float:
        """Send a message; return how long to wait before the next, in seconds."""
        body = {"client_message_id": str(new_uuid()), "text": "Are you there?"}
        async with self.session.post(path, json=body, headers=headers) as response:
            if response.status == 202:
                await response.read()
                self.flooded.accepted += 1
                return 0.0
            if response.status != 429:
                raise RuntimeError(f"{response.status}: {await response.text()}")
            problem = await response.json(content_type=None)
            self.flooded.refused[problem["data"].get("reason", problem["code"])] += 1
            return float(response.headers["Retry-After"]) if self.honours else _STUBBORN_S
