"""A document on its way into storage: measured, judged by its content, copied and never held in memory."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.extract.detect import MediaType, media_type_of_file

MAX_BYTES = 25_000_000
_PART = 256 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A document that was looked at; `chunks` gives it from its beginning, each time it is asked."""

    file: BinaryIO
    size: int
    """Bytes."""
    media_type: MediaType
    content_hash: bytes

    @classmethod
    async def of(cls, content: bytes | BinaryIO) -> "Upload":
        """Look at a document: bytes, or a file on disk that stays open until it is stored.

        Raises:
            ExtractionFailed: with `reason` `empty`, `too_large`, `unsupported`, `damaged` or `password`.
        """
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        return await asyncio.to_thread(cls._look, file)

    @classmethod
    def _look(cls, file: BinaryIO) -> "Upload":
        size = file.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            raise ExtractionFailed(reason=Reason.TOO_LARGE)
        media_type = media_type_of_file(file)
        file.seek(0)
        digest = sha256()
        while part := file.read(_PART):
            digest.update(part)
        return cls(file, size, media_type, digest.digest())

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the document, piece by piece."""
        await asyncio.to_thread(self.file.seek, 0)
        while part := await asyncio.to_thread(self.file.read, _PART):
            yield part
