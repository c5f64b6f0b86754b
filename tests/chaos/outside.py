"""An outside service that counts: it executes whatever it is asked, and never looks at an idempotency key.

Only the ledger stands between a repeated run and a second effect.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import orjson

from tests.chaos.history import Effect, Recorder
from tests.chaos.points import Hold
from tests.chaos.room import ControlRoom, Held


@asynccontextmanager
async def counting_service(room: ControlRoom, recorder: Recorder) -> AsyncIterator[str]:
    """Yield the address of the service. It can be held after an effect, before its answer."""
    server = await asyncio.start_server(partial(_serve, room, recorder), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orders"


async def _serve(
    room: ControlRoom, recorder: Recorder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        order = orjson.loads(await reader.readexactly(int(fields["content-length"])))
        recorder.write(Effect(recorder.now(), order["turn"]))
        hold = Hold.within(order["text"])
        if hold is not None and hold.point == "in_effect":
            await room.hold(hold.fault, Held(order["turn"], order["pid"]))
        body = orjson.dumps({"ordered": order["turn"]})
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n")
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # the host was killed
    finally:
        writer.close()
