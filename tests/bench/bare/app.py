"""The bare baseline: uvicorn, FastAPI, the light graph, and LangGraph's own PostgreSQL saver in one process.

    python -m tests.bench.bare.app PORT DATABASE_URL

No tenants, no keys, no order, no mailbox, no fences, nothing that resumes: what one writes on an afternoon.
The saver is used as its documentation shows it (`from_conn_string`, LangGraph's default durability).
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from pydantic import BaseModel

from tests.light.graph import builder


class Ask(BaseModel):
    thread_id: str
    message: str
    sentences: int


def create_app(database_url: str) -> FastAPI:
    """Return the app; it makes the saver's tables when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncPostgresSaver.from_conn_string(database_url) as saver:
            await saver.setup()
            app.state.graph = builder().compile(checkpointer=saver)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/chat/stream")
    async def stream(ask: Ask) -> StreamingResponse:
        return StreamingResponse(
            _events(app.state.graph, ask), media_type="text/event-stream", headers={"thread": ask.thread_id}
        )

    return app


async def _events(graph: Any, ask: Ask) -> AsyncIterator[bytes]:
    state = {"text": ask.message, "sentences": ask.sentences}
    config = {"configurable": {"thread_id": ask.thread_id}}
    async for mode, item in graph.astream(state, config, stream_mode=["custom", "values"]):
        if mode == "custom":
            yield b"data: %s\n\n" % orjson.dumps({"delta": item})
        else:
            state = item
    yield b"data: %s\n\n" % orjson.dumps({"answer": state["answer"]})


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[2]), port=int(sys.argv[1]), log_level="warning", access_log=False)
