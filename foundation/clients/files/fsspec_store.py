"""Files in a folder on this machine, or in any store that fsspec knows (`s3://bucket/folder`)."""

import asyncio
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import IO
from uuid import uuid4

import fsspec

from foundation.errors import InvalidInput, NotFound
from foundation.ids import TenantId

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class FsspecStore:
    """A `FileStore` under `root`, one folder per tenant. A file is there as a whole or not at all."""

    def __init__(self, root: str) -> None:
        self._files, path = fsspec.core.url_to_fs(root, auto_mkdir=True)
        self._root = str(path).rstrip("/")

    async def write(self, tenant_id: TenantId, key: str, content: bytes) -> None:
        """Write or replace a file.

        Raises:
            InvalidInput: the key could leave the tenant's folder.
        """

        async def whole() -> AsyncIterator[bytes]:
            yield content

        await self.write_stream(tenant_id, key, whole())

    async def write_stream(
        self, tenant_id: TenantId, key: str, chunks: AsyncIterator[bytes]
    ) -> tuple[int, bytes]:
        """Write or replace a file piece by piece; return its size in bytes and its SHA-256.

        What `chunks` raises comes through, and nothing is written then.

        Raises:
            InvalidInput: the key could leave the tenant's folder.
        """
        path = self._path(tenant_id, key)
        draft = f"{path}.{uuid4().hex}.part"  # beside it, so that the move is one step of the file system
        size, digest = 0, sha256()
        file = await asyncio.to_thread(self._open, draft)
        try:
            async for chunk in chunks:
                size += len(chunk)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(self._finish, file, draft, path)
        except BaseException:
            await asyncio.to_thread(self._drop, draft, file)
            raise
        return size, digest.digest()

    async def read(self, tenant_id: TenantId, key: str) -> bytes:
        """Return a file's content.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the key could leave the tenant's folder.
        """
        try:
            content: bytes = await asyncio.to_thread(self._files.cat_file, self._path(tenant_id, key))
        except FileNotFoundError:
            raise NotFound from None
        return content

    async def delete(self, tenant_id: TenantId, key: str) -> None:
        """Delete a file; one that is not there is no error.

        Raises:
            InvalidInput: the key could leave the tenant's folder.
        """
        try:
            await asyncio.to_thread(self._files.rm_file, self._path(tenant_id, key))
        except FileNotFoundError:
            return

    async def delete_all(self, tenant_id: TenantId) -> None:
        """Delete everything of a tenant; nothing to delete is no error."""
        try:
            await asyncio.to_thread(self._files.rm, self._folder(tenant_id), recursive=True)
        except FileNotFoundError:
            return

    async def exists(self, tenant_id: TenantId, key: str | None = None) -> bool:
        """Return whether a file is there, or, without a key, anything of the tenant.

        Raises:
            InvalidInput: the key could leave the tenant's folder.
        """
        path = self._folder(tenant_id) if key is None else self._path(tenant_id, key)
        # Object stores cache their listings.
        await asyncio.to_thread(self._files.invalidate_cache)
        return bool(await asyncio.to_thread(self._files.exists, path))

    async def keys(self, tenant_id: TenantId) -> list[str]:
        """Return the keys of all of a tenant's files, drafts of an upload that goes on left out."""
        folder = self._folder(tenant_id)
        await asyncio.to_thread(self._files.invalidate_cache)
        found = await asyncio.to_thread(self._files.find, folder)
        keys = [path[path.index(folder) + len(folder) + 1 :] for path in found]
        return sorted(key for key in keys if not key.endswith(".part"))

    def _open(self, draft: str) -> IO[bytes]:
        self._files.makedirs(draft.rpartition("/")[0], exist_ok=True)
        file: IO[bytes] = self._files.open(draft, "wb")
        return file

    def _finish(self, file: IO[bytes], draft: str, path: str) -> None:
        file.close()
        self._files.mv(draft, path)

    def _drop(self, draft: str, file: IO[bytes]) -> None:
        file.close()
        if self._files.exists(draft):
            self._files.rm_file(draft)

    def _path(self, tenant_id: TenantId, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise InvalidInput(field="key")
        return f"{self._folder(tenant_id)}/{key}"

    def _folder(self, tenant_id: TenantId) -> str:
        return f"{self._root}/{tenant_id.hex}"
