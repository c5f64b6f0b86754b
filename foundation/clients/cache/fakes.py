"""A cache in memory, for tests."""

from dataclasses import dataclass, field


@dataclass
class LocalCache:
    """Keeps everything for ever."""

    entries: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    rows: dict[str, bytes] = field(default_factory=dict)

    async def get(self, bucket: str, key: bytes) -> bytes | None:
        return self.entries.get((bucket, key))

    async def index(self, bucket: str) -> bytes:
        return self.rows.get(bucket, b"")

    async def put(
        self, bucket: str, key: bytes, entry: bytes, row: bytes, *, seconds: int, most: int
    ) -> None:
        del seconds, most
        if (bucket, key) not in self.entries:
            self.rows[bucket] = self.rows.get(bucket, b"") + row
        self.entries[bucket, key] = entry

    async def drop(self, bucket: str, key: bytes) -> None:
        self.entries.pop((bucket, key), None)
