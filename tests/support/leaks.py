"""Looks for words in everything that an installation has written."""

import io
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from redis.asyncio import Redis


class Search:
    """Finds canaries, also where bytes are printed as hex; keeps the places where it found them."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        self._forms = {name: (word, word.encode().hex()) for name, word in canaries.items()}
        self.found: set[tuple[str, str]] = set()
        """Which canary, and where."""
        self.looked_at = 0

    def look(self, where: str, content: str | bytes) -> None:
        """Look into one thing that was written."""
        self.looked_at += 1
        said = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        for name, forms in self._forms.items():
            if any(form in said for form in forms):
                self.found.add((name, where))


def look_into_archive(search: Search, where: str, archive: bytes) -> None:
    """Look into each member of a zip file."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for name in file.namelist():
            search.look(f"{where}/{name}", file.read(name))


def look_into_tables(search: Search, superuser_url: str) -> None:
    """Look into every row of every table."""
    with psycopg.connect(superuser_url) as connection:
        tables = connection.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(f'select t::text from "{table}" t'.encode()):
                search.look(f"table {table}", row)


async def look_into_valkey(search: Search, url: str) -> None:
    """Look into every key and value."""
    client: Any = Redis.from_url(url)
    try:
        async for key in client.scan_iter(count=500):
            search.look("valkey key", key)
            for value in await _values(client, key):
                search.look("valkey value", value)
    finally:
        await client.aclose()


async def _values(client: Any, key: bytes) -> list[Any]:
    kind = (await client.type(key)).decode()
    if kind == "none":  # it has expired meanwhile
        return []
    if kind == "hash":
        return [part for pair in (await client.hgetall(key)).items() for part in pair]
    read: dict[str, Callable[[], Awaitable[Any]]] = {
        "string": lambda: client.mget(key),
        "set": lambda: client.smembers(key),
        "list": lambda: client.lrange(key, 0, -1),
        "zset": lambda: client.zrange(key, 0, -1),
    }
    return [value for value in await read[kind]() if value is not None]


def look_into_files(search: Search, folder: Path) -> None:
    """Look into every file below a folder, and at its name."""
    for file in _files(folder):
        search.look(f"file {file.relative_to(folder)}", file.read_bytes())
        search.look("file name", file.as_posix())


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
