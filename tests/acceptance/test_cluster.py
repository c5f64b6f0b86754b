"""Replik on several machines: deployed from the cluster's config, and one of its nodes dies."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import httpx
import pytest

from foundation.database.engine import connect
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from tests.light.graph import answer
from tests.support.cluster import RunningCluster, running_cluster
from tests.support.gateway import add_key
from tests.support.running import ROOT
from tests.support.tenants import make_tenant

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

TALKS = 8
MESSAGES = 12
BEFORE = 3 * TALKS
"""Acknowledged messages after which the node dies; the others are sent while it is dying, and after."""
SENTENCES = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[RunningCluster]:
    with running_cluster(
        ROOT / "configs" / "serve" / "cluster.yaml", "tests.support.signed:build"
    ) as running:
        yield running


@dataclass
class Talk:
    """A customer with the widget, who says `MESSAGES` things without waiting for answers."""

    client: httpx.AsyncClient
    path: str
    headers: dict[str, str]
    said: list[str] = field(default_factory=list)
    """The client message ids that were acknowledged, in order."""

    @classmethod
    async def start(cls, client: httpx.AsyncClient, key: str) -> "Talk":
        response = await client.post(
            "/api/chat/conversations", json={}, headers={"Authorization": f"Bearer {key}"}
        )
        response.raise_for_status()
        started = response.json()
        return cls(
            client,
            f"/api/chat/conversations/{started['conversation_id']}",
            {"Authorization": f"Bearer {started['visitor_token']}"},
        )

    async def say(self) -> None:
        name = f"message {len(self.said)}"
        response = await self.client.post(
            f"{self.path}/messages", json={"client_message_id": name, "text": name}, headers=self.headers
        )
        assert response.status_code == 202, response.text
        self.said.append(name)

    async def told(self) -> list[dict[str, Any]]:
        """Return the conversation's events from its beginning until everything that was said is answered."""
        events, done = [], 0
        async for event in self._events():
            events.append(event)
            done += event["event"] == "done"
            if done == len(self.said):
                break
        return events

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        async with self.client.stream("GET", f"{self.path}/events", headers=self.headers) as response:
            response.raise_for_status()
            name = ""
            async for line in response.aiter_lines():
                kind, _, value = line.partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    yield {"event": name, **json.loads(value)}


def hosts_of(events: list[dict[str, Any]], talk: Talk) -> list[int]:
    """Return the process that wrote each answer; all that was said was answered, in order and once."""
    accepted = [event for event in events if event["event"] == "accepted"]
    messages = [event for event in events if event["event"] == "message"]
    assert [event["client_message_id"] for event in accepted] == talk.said
    assert [event["turn_id"] for event in messages] == [event["turn_id"] for event in accepted]
    assert [event["text"].partition(" ")[2] for event in messages] == [
        answer(name, SENTENCES) for name in talk.said
    ]
    return [int(event["text"].partition(" ")[0]) for event in messages]


async def widget_key(settings: Settings) -> str:
    """Make a tenant; return its publishable key."""
    engine = connect(settings.require("database_url"), pool_size=1)
    tenancy = Tenancy(engine)
    tenant_id = await make_tenant(tenancy, behaviour={"graph": "light", "sentences": SENTENCES})
    key = await add_key(tenancy, tenant_id, "publishable")
    await engine.dispose()
    return key


async def test_a_node_dies_and_the_conversations_go_on(cluster: RunningCluster) -> None:
    key = await widget_key(cluster.settings)
    async with httpx.AsyncClient(base_url=cluster.url, timeout=60) as client:
        talks = [await Talk.start(client, key) for _ in range(TALKS)]
        await asyncio.gather(*(talk.say() for talk in talks))
        first = await _all_told(talks)
        assert len(set(chain(*first))) == 2, "both nodes' hosts answer"

        enough = asyncio.Event()

        async def talk_on(talk: Talk) -> None:
            while len(talk.said) < MESSAGES:
                await talk.say()
                if sum(len(talk.said) for talk in talks) >= BEFORE:
                    enough.set()

        async def node_dies() -> set[int]:
            await enough.wait()
            return set(await asyncio.to_thread(cluster.kill_host_node))

        dying = asyncio.create_task(node_dies())
        await asyncio.gather(*(talk_on(talk) for talk in talks))
        killed = await dying
        hosts = await _all_told(talks)
        [dead] = set(chain(*first)) & killed
        assert any(dead in answered for answered in hosts)
        assert all(dead != answered[-1] for answered in hosts), "the living host has taken over"

        await asyncio.to_thread(cluster.add_host_node)
        known = set(chain(*hosts))
        async with asyncio.timeout(90):
            while True:
                talk = await Talk.start(client, key)
                await talk.say()
                if not set(hosts_of(await talk.told(), talk)) <= known:
                    break


async def _all_told(talks: list[Talk]) -> list[list[int]]:
    told = await asyncio.gather(*(talk.told() for talk in talks))
    return [hosts_of(events, talk) for events, talk in zip(told, talks, strict=True)]
