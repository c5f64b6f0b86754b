"""Reading a stream of server-sent events."""

import json
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: dict[str, Any]


async def read_events(
    client: httpx.AsyncClient, path: str, *, last: str, times: int = 1, **request: Any
) -> list[Event]:
    """Read a stream until the `times`-th event named `last`."""
    events: list[Event] = []
    method = "POST" if "json" in request else "GET"
    async with client.stream(method, path, **request) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if fields:
                events.append(Event(fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
                if sum(event.name == last for event in events) == times:
                    return events
    raise AssertionError(f"no {last} in {events}")
