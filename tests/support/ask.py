"""Ask a running Replik a question, as a server or as the widget does."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

Json = dict[str, Any]


def ask(client: httpx.Client, key: str, message: str, **more: object) -> Json:
    """Return the answer of `POST /api/chat/message`."""
    response = client.post(
        "/api/chat/message", json={"message": message, **more}, headers={"Authorization": f"Bearer {key}"}
    )
    response.raise_for_status()
    answer: Json = response.json()
    return answer


def start_conversation(client: httpx.Client, key: str) -> tuple[str, dict[str, str]]:
    """Return a new conversation's path and the headers that open it."""
    response = client.post(
        "/api/chat/conversations",
        json={},
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid4())},
    )
    response.raise_for_status()
    started = response.json()
    path = f"/api/chat/conversations/{started['conversation_id']}"
    return path, {"Authorization": f"Bearer {started['visitor_token']}"}


def events(client: httpx.Client, path: str, headers: dict[str, str]) -> Iterator[tuple[str, str, Json]]:
    """Yield (id, name, data) of a conversation's events until the connection ends."""
    with client.stream("GET", f"{path}/events", headers=headers) as response:
        response.raise_for_status()
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
                fields = {}
