"""What Ray's HAProxy tells of visitors and how long it waits for them, with the real program."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from foundation.proxies import Proxies
from foundation.settings import Settings
from foundation.stack.ports import free_ports
from serve.ingress import ray_environment

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).resolve().parents[1] / "support" / "haproxy_process.py"
SETTINGS = Settings.load({"REPLIK_HOST": "0.0.0.0", "INGRESS": "haproxy"})


@dataclass
class Gateway:
    """A server that keeps the X-Forwarded-For of what reaches it."""

    url: str = ""
    port: int = 0
    forwarded: list[list[str]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        named = [line.partition(":") for line in head.split("\r\n")[1:]]
        if not head.startswith("GET /-/"):
            self.forwarded.append(
                [value.strip() for name, _, value in named if name.lower() == "x-forwarded-for"]
            )
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway()
    server = await asyncio.start_server(gateway.answer, "127.0.0.1", 0)
    [gateway.port] = free_ports(1)
    environ = os.environ | ray_environment(SETTINGS.evolve(home=tmp_path))
    ports = [str(gateway.port), str(server.sockets[0].getsockname()[1])]
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *ports],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(process.stdout.readline) == "started\n"
        gateway.url = f"http://127.0.0.1:{gateway.port}"
        yield gateway
    finally:
        process.stdin.close()
        process.wait(20)
        server.close()
        shutil.rmtree(Path(environ["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"]).parent)


async def test_it_writes_down_who_calls_and_nobody_can_say_otherwise(behind: Gateway) -> None:
    async with httpx.AsyncClient(base_url=behind.url) as client:
        for invented in ({}, {"X-Forwarded-For": "203.0.113.9"}):
            assert (await client.get("/", headers=invented)).text == "ok"
    assert behind.forwarded == [["127.0.0.1"], ["203.0.113.9", "127.0.0.1"]]
    ours = Proxies.of(SETTINGS.trusted_proxies, own=True)
    assert [ours.client("127.0.0.1", each) for each in behind.forwarded] == ["127.0.0.1", "127.0.0.1"]


async def test_headers_that_never_end_are_waited_for_so_long_only(behind: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", behind.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    begun = asyncio.get_running_loop().time()
    got = asyncio.create_task(reader.read(100))
    async with asyncio.timeout(30):
        while not (await asyncio.wait({got}, timeout=1))[0]:
            writer.write(b"a")
    assert got.result().startswith(b"HTTP/1.1 408")
    assert 9 < asyncio.get_running_loop().time() - begun < 15
    assert behind.forwarded == []
    writer.close()
