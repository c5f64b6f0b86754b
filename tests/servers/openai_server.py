"""A local server that speaks OpenAI's chat completions (SSE) and embeddings, and misbehaves on demand."""

import asyncio
import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Fault = Literal["none", "stall", "cut", "end_early", "malformed", "odd", "status", "error_event"]


@dataclass(frozen=True)
class Behaviour:
    """How one request is answered. Faults that strike in the middle do so after the first `after` pieces."""

    pieces: Sequence[str] = ("Hello", " there", ".")
    fault: Fault = "none"
    after: int = 1
    pause_s: float = 0.0
    """Before each piece."""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    usage: tuple[int, int] | None = (11, 3)
    """Prompt and completion tokens, told when asked for; None: a server that keeps silent about them."""
    refuses: tuple[str, ...] = ()
    """Fields of the request that it does not know."""
    param: str | None = None
    """The field that a refusal by `status` names."""
    secret: str = "the provider's own words"
    """Stands in every error text, so that a test can look for it where it must not be."""


class OpenAIServer:
    """Behaviours are used up one per chat request; when none is left, the last one stays."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.hosts: list[str] = []
        self.keys: list[str] = []
        self.disconnects = 0
        self.dimensions = 8
        self._script: list[Behaviour] = [Behaviour()]
        self.url = ""

    def script(self, *behaviours: Behaviour) -> None:
        """Say how the next requests are answered."""
        self._script = list(behaviours)

    async def chat(self, request: Request) -> Response:
        self.times.append(time.monotonic())
        self.hosts.append(request.headers["host"])
        self.keys.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        self.requests.append(await request.json())
        behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        asked = self.requests[-1].get("stream_options")
        for name in behaviour.refuses:
            if name in self.requests[-1]:
                unknown = {"message": f"Unsupported parameter: '{name}'", "param": name}
                return JSONResponse({"error": unknown}, status_code=400)
        if behaviour.fault == "status":
            told = {
                "message": behaviour.secret,
                "type": "server_error",
                "code": None,
                "param": behaviour.param,
            }
            error = {"error": told}
            return JSONResponse(error, status_code=behaviour.status, headers=behaviour.headers)
        reports = bool(asked and asked.get("include_usage"))
        return StreamingResponse(self._events(behaviour, reports), media_type="text/event-stream")

    async def embeddings(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [self._vector(text) for text in texts]
        encoded = [
            base64.b64encode(vector.tobytes()).decode()
            if body.get("encoding_format") == "base64"
            else vector.tolist()
            for vector in vectors
        ]
        data = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(encoded)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})

    async def _events(self, behaviour: Behaviour, reports: bool) -> AsyncIterator[str]:
        """Yield the answer's events; Starlette cancels this when the client goes away."""
        try:
            async for event in self._told(behaviour, reports):
                yield event
        except asyncio.CancelledError:
            self.disconnects += 1
            raise

    async def _told(self, behaviour: Behaviour, reports: bool) -> AsyncIterator[str]:
        yield _event({"role": "assistant", "content": ""})
        for at, piece in enumerate(behaviour.pieces):
            await asyncio.sleep(behaviour.pause_s)
            if behaviour.fault != "none" and at == behaviour.after:
                async for event in self._strike(behaviour):
                    yield event
                return
            yield _event({"content": piece})
        yield _event({}, finish=behaviour.finish)
        if reports and behaviour.usage is not None:
            yield _usage(*behaviour.usage)
        yield "data: [DONE]\n\n"

    async def _strike(self, behaviour: Behaviour) -> AsyncIterator[str]:
        match behaviour.fault:
            case "stall":
                await asyncio.Event().wait()
            case "cut":
                raise ConnectionResetError
            case "malformed":
                yield 'data: {"id": "x", "choices": [{"del\n\n'
            case "odd":
                yield 'data: {"id": "x", "choices": [{"index": 0, "delta": null}]}\n\n'
            case "error_event":
                yield f"data: {json.dumps({'error': {'message': behaviour.secret}})}\n\n"

    def _vector(self, text: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(self.dimensions).astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@contextmanager
def running() -> Iterator[OpenAIServer]:
    """Run a server on a free port of the loopback, in a thread; `url` ends with `/v1`."""
    server = OpenAIServer()
    routes = [
        Route("/v1/chat/completions", server.chat, methods=["POST"]),
        Route("/v1/embeddings", server.embeddings, methods=["POST"]),
    ]
    listener = socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    config = uvicorn.Config(Starlette(routes=routes), log_level="critical", timeout_graceful_shutdown=1)
    engine = uvicorn.Server(config)
    thread = threading.Thread(target=engine.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not engine.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        engine.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _event(delta: dict[str, str], finish: str | None = None) -> str:
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


def _usage(prompt: int, completion: int) -> str:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return _chunk(choices=[], usage=usage)


def _chunk(**fields: object) -> str:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}
    return f"data: {json.dumps(chunk)}\n\n"
