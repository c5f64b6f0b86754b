"""What erasing needs of the store that holds caches, buffers and counters: to look at all of it."""

from collections.abc import Collection
from typing import Protocol


class Keyspace(Protocol):
    """Every method raises DependencyUnavailable when the store is away: nothing may be called gone then."""

    async def named(self, *parts: str) -> list[bytes]:
        """Return the keys in whose name one of these stands."""
        ...

    async def values(self, key: bytes) -> list[bytes]:
        """Return all that is kept under a key, whatever its type; nothing if it is gone."""
        ...

    async def forget(self, keys: Collection[bytes]) -> None: ...
