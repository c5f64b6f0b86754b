"""The vector index in a Chroma server, over its asynchronous HTTP client."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import chromadb
import httpx
import numpy as np
from chromadb.api import AsyncClientAPI
from chromadb.api.collection_configuration import CreateCollectionConfiguration
from chromadb.api.models.AsyncCollection import AsyncCollection
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection, Hit
from foundation.errors import DependencyUnavailable

_BATCH = 1000
# The server keeps few small collections in memory. One that is evicted before it was written out fails
# (DESIGN section 5), so everything is written out at once.
_CONFIGURATION: CreateCollectionConfiguration = {
    "hnsw": {"space": "cosine", "batch_size": 2, "sync_threshold": 2},
    "embedding_function": None,
}


def collection_name(collection: Collection) -> str:
    """Return `tenant-model-generation` in Chroma's alphabet, at most 63 characters; models stay distinct."""
    model = re.sub(r"[^a-z0-9]+", "-", collection.model.lower()).strip("-")
    if model != collection.model or len(model) > 22:
        model = f"{model[:13].strip('-')}-{sha256(collection.model.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{collection.tenant_id.hex}-{model}-{collection.generation}"


class ChromaIndex:
    """A `VectorIndex` at `url` (`http://host:port`).

    Every method raises DependencyUnavailable when the server cannot be reached or fails.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._client: AsyncClientAPI | None = None
        self._connecting = asyncio.Lock()
        # Opening a collection costs a round trip. An entry is stale once another process dropped it.
        self._open: dict[Collection, AsyncCollection] = {}

    async def upsert(self, collection: Collection, ids: Sequence[UUID], vectors: Vectors) -> None:
        """Add or replace vectors; the collection is made when it is not there."""
        for start in range(0, len(ids), _BATCH):
            names = [str(passage_id) for passage_id in ids[start : start + _BATCH]]
            rows = vectors[start : start + _BATCH]
            async with self._server() as client:
                try:
                    await (await self._ensure(client, collection)).upsert(ids=names, embeddings=rows)
                except NotFoundError:
                    self._open.pop(collection, None)
                    await (await self._ensure(client, collection)).upsert(ids=names, embeddings=rows)

    async def search(self, collection: Collection, vector: Vectors, limit: int) -> list[Hit]:
        """Return the nearest passages, nearest first; an unknown collection gives none."""
        async with self._server() as client:
            for _ in range(2):
                found = await self._find(client, collection)
                if found is None:
                    return []
                try:
                    answer = await found.query(
                        query_embeddings=vector[np.newaxis, :], n_results=limit, include=["distances"]
                    )
                except NotFoundError:
                    self._open.pop(collection, None)
                    continue
                found_rows = zip(answer["ids"][0], (answer["distances"] or [[]])[0], strict=True)
                return [Hit(UUID(name), 1 - distance) for name, distance in found_rows]
        return []

    async def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        """Forget these vectors; unknown ids and collections are no error."""
        async with self._server() as client:
            found = await self._find(client, collection)
            if found is None or not ids:
                return
            try:
                await found.delete(ids=[str(passage_id) for passage_id in ids])
            except NotFoundError:
                self._open.pop(collection, None)

    async def drop(self, collection: Collection) -> None:
        """Forget the whole collection; an unknown one is no error."""
        self._open.pop(collection, None)
        async with self._server() as client:
            try:
                await client.delete_collection(collection_name(collection))
            except NotFoundError:
                return

    async def count(self, collection: Collection, ids: Sequence[UUID] | None = None) -> int:
        """Return how many of these vectors, or of all, are there; an unknown collection has none."""
        self._open.pop(collection, None)  # asked to prove something: another process may have dropped it
        async with self._server() as client:
            found = await self._find(client, collection)
            if found is None:
                return 0
            if ids is None:
                return int(await found.count())
            parts = [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
            there = [await found.get(ids=[str(each) for each in part], include=[]) for part in parts]
            return sum(len(each["ids"]) for each in there)

    async def texts(self, collection: Collection) -> AsyncIterator[str]:
        """Yield each vector's id with the document and the metadata beside it (Replik itself writes none)."""
        start = 0
        while True:
            async with self._server() as client:
                found = await self._find(client, collection)
                if found is None:
                    return
                try:
                    page = await found.get(limit=_BATCH, offset=start, include=["documents", "metadatas"])
                except NotFoundError:
                    self._open.pop(collection, None)
                    return
            nothing = [None] * len(page["ids"])
            documents, metadatas = page["documents"] or nothing, page["metadatas"] or nothing
            for one, document, metadata in zip(page["ids"], documents, metadatas, strict=True):
                yield f"{one} {document or ''} {json.dumps(metadata or {}, ensure_ascii=False, default=str)}"
            if len(page["ids"]) < _BATCH:
                return
            start += _BATCH

    async def ping(self) -> None:
        """Return when the server answers."""
        async with self._server() as client:
            await client.heartbeat()

    @asynccontextmanager
    async def _server(self) -> AsyncGenerator[AsyncClientAPI, None]:
        try:
            yield await self._connected()
        except (httpx.HTTPError, ChromaError, ConnectionError) as error:
            raise DependencyUnavailable(part="vectors") from error

    async def _connected(self) -> AsyncClientAPI:
        async with self._connecting:
            if self._client is None:
                try:
                    self._client = await chromadb.AsyncHttpClient(
                        host=self._url.hostname or "localhost",
                        port=self._url.port or (443 if self._url.scheme == "https" else 80),
                        ssl=self._url.scheme == "https",
                        settings=Settings(anonymized_telemetry=False),
                    )
                except ValueError as error:  # what the package makes of a refused connection
                    raise DependencyUnavailable(part="vectors") from error
            return self._client

    async def _ensure(self, client: AsyncClientAPI, collection: Collection) -> AsyncCollection:
        if collection not in self._open:
            self._open[collection] = await client.get_or_create_collection(
                collection_name(collection), configuration=_CONFIGURATION, embedding_function=None
            )
        return self._open[collection]

    async def _find(self, client: AsyncClientAPI, collection: Collection) -> AsyncCollection | None:
        if collection not in self._open:
            try:
                self._open[collection] = await client.get_collection(
                    collection_name(collection), embedding_function=None
                )
            except NotFoundError:
                return None
        return self._open[collection]
