"""A file is there as a whole or not at all, however it is written."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from foundation.clients.files.fsspec_store import FsspecStore
from foundation.errors import InvalidInput
from foundation.ids import TenantId, new_uuid


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    return FsspecStore(str(tmp_path))


TENANT = TenantId(new_uuid())


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def pieces(*chunks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then is not None:
        raise then


async def test_a_stream_is_written_and_measured(store: FsspecStore, tmp_path: Path) -> None:
    written = await store.write_stream(TENANT, "a/1", pieces(b"ett", b"", b"tre"))
    assert written == (6, sha256(b"etttre").digest())
    assert await store.read(TENANT, "a/1") == b"etttre"
    await store.write_stream(TENANT, "a/1", pieces(b"ny"))
    assert await store.read(TENANT, "a/1") == b"ny"
    assert await store.write_stream(TENANT, "a/2", pieces()) == (0, sha256(b"").digest())
    assert there(tmp_path) == ["1", "2"]


async def test_a_stream_that_breaks_leaves_what_was_there(store: FsspecStore, tmp_path: Path) -> None:
    await store.write(TENANT, "a/1", b"gammal")
    with pytest.raises(ZeroDivisionError):
        await store.write_stream(TENANT, "a/1", pieces(b"halv", then=ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await store.write_stream(TENANT, "a/2", pieces(b"halv", then=ZeroDivisionError()))
    assert await store.read(TENANT, "a/1") == b"gammal"
    assert there(tmp_path) == ["1"]


async def test_a_stream_that_is_given_up_leaves_nothing(store: FsspecStore, tmp_path: Path) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.write_stream(TENANT, "a/1", endless()))
    await waiting.wait()
    assert len(there(tmp_path)) == 1  # the draft
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert there(tmp_path) == []


async def test_a_key_that_leads_out_is_refused(store: FsspecStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        await store.write_stream(TENANT, "../x", pieces(b"a"))
    assert there(tmp_path) == []
