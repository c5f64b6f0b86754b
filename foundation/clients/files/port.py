"""What the rest of Replik needs of a file store."""

from collections.abc import AsyncIterator
from typing import Protocol

from foundation.ids import TenantId


class FileStore(Protocol):
    """Keeps tenants' files under keys; a key never leaves its tenant's folder."""

    async def write(self, tenant_id: TenantId, key: str, content: bytes) -> None: ...

    async def write_stream(
        self, tenant_id: TenantId, key: str, chunks: AsyncIterator[bytes]
    ) -> tuple[int, bytes]: ...

    async def read(self, tenant_id: TenantId, key: str) -> bytes: ...

    async def delete(self, tenant_id: TenantId, key: str) -> None: ...

    async def delete_all(self, tenant_id: TenantId) -> None: ...

    async def exists(self, tenant_id: TenantId, key: str | None = None) -> bool: ...

    async def keys(self, tenant_id: TenantId) -> list[str]:
        """Return the keys of all of a tenant's files."""
        ...
