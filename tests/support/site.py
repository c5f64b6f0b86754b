"""A web server on this machine, and names that lead to it."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundation.addresses import Address, Resolve


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


class Site:
    """A web server on this machine; `requests` are (path, Host), `asked` their headers, small letters."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[tuple[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self.pages: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        host = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("host:"))
        self.requests.append((path, host))
        named = (line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.asked.append({name.lower(): value for name, value in named})
        if path == "/slow":
            await asyncio.sleep(5)
        if path in self.etags and self.asked[-1].get("if-none-match") == self.etags[path]:
            writer.write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        writer.write(self.pages.get(path, answer(b"", status="404 Not Found")))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Serve a site on a free port."""
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()


def resolver(**names: str) -> Resolve:
    """Return a resolver of these names (`_` for `.`) and no others."""

    async def resolve(host: str, _port: int) -> list[Address]:
        name = host.replace(".", "_")
        if name not in names:
            raise OSError
        return [ipaddress.ip_address(part) for part in names[name].split()]

    return resolve
