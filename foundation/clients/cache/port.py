"""What the rest of Replik needs of a cache: buckets of entries, each with a searchable index of rows."""

from typing import Protocol


class Cache(Protocol):
    """Holds what can be made again. When it is away, nothing is there and nothing is kept."""

    async def get(self, bucket: str, key: bytes) -> bytes | None:
        """Return an entry, if it is there."""
        ...

    async def index(self, bucket: str) -> bytes:
        """Return the rows of the bucket's entries, in the order in which they were put; some may be gone."""
        ...

    async def put(
        self, bucket: str, key: bytes, entry: bytes, row: bytes, *, seconds: int, most: int
    ) -> None:
        """Keep an entry and its index row; the bucket lives for so long, and begins anew after `most`
        entries.
        """
        ...

    async def drop(self, bucket: str, key: bytes) -> None:
        """Forget an entry; its row stays until the bucket begins anew."""
        ...
