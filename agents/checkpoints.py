"""Unfinished procedures: LangGraph's checkpoints, buffered during a run and written by the turn's commit.

A run that ends, fails or is cancelled leaves nothing. One that stops to ask the customer leaves a single row,
sealed, which whoever runs the conversation next goes on from.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from agents.stream import Address
from agents.threads import At, Thread, config_of
from agents.unfinished import Statement, Unfinished, forget
from foundation.crypto import Sealer
from foundation.ids import ConversationId
from foundation.tenancy import Tenancy, TenantSession
from graphs.pauses import Saver, Version


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """All conversations' unfinished procedures."""

    tenancy: Tenancy
    sealer: Sealer

    def open(self, address: Address, *, had_thread: bool) -> "BufferingSaver":
        """Return the saver of one run; to throw it away is to discard what the run has put.

        `had_thread` is whether the conversation has a row in `checkpoints`, as read by the transaction that
        began the turn. Without one, nothing is ever read.
        """
        return BufferingSaver(Unfinished(self.tenancy, self.sealer), address, had_thread=had_thread)


class BufferingSaver(Saver):
    """What LangGraph reads is the buffer over the database; what it writes stays in the buffer.

    A thread's id is its conversation's; all are of one tenant.
    """

    def __init__(self, rows: Unfinished, address: Address, *, had_thread: bool) -> None:
        super().__init__()
        self._rows = rows
        self._address = address
        self._version: Version | None = None
        self._paused: Version | None = None
        self._threads: dict[UUID, Thread] = {} if had_thread else {address.conversation_id: Thread()}
        self._stored: set[UUID] = {address.conversation_id} if had_thread else set()
        """Those that may have a row."""

    # What a turn does with it

    async def paused(self) -> Version | None:
        thread = await self._thread(str(self._address.conversation_id))
        return self._paused if thread.interrupted else None

    def begin(self, version: Version) -> None:
        self._version = version

    @property
    def waits(self) -> bool:
        """Whether the run has left a question to the customer."""
        thread = self._threads.get(self._address.conversation_id)
        return thread is not None and thread.interrupted

    def settlement(self, only_if: str = "true") -> tuple[Statement, ...]:
        """Return what the turn's commit has to execute: nothing for a turn without procedure.

        An unfinished procedure is written, a finished one's row is deleted. `only_if` is an SQL condition for
        commits whose statements go out together, such as `exists (select from fenced)`.
        """
        for thread in self._threads.values():
            if thread.interrupted:
                thread.keep_latest()
            else:
                thread.kept.clear()
                thread.writes.clear()
        return self.changes(only_if)

    async def settle(self, session: TenantSession) -> None:
        """Execute the settlement in the commit's transaction, which has checked the fence."""
        for statement in self.settlement():
            await statement.execute(session)

    def changes(self, only_if: str = "true") -> tuple[Statement, ...]:
        """Return what makes the database equal to the buffer."""
        found = (self._change(one, thread, only_if) for one, thread in self._threads.items())
        return tuple(statement for statement in found if statement is not None)

    def _change(self, conversation_id: UUID, thread: Thread, only_if: str) -> Statement | None:
        address = Address(self._address.tenant_id, ConversationId(conversation_id))
        if not thread.kept:
            return forget(address, only_if) if conversation_id in self._stored else None
        if self._version is None:
            raise RuntimeError("the run has not said what it runs on")
        return self._rows.keep(address, self._version, thread, only_if)

    # What LangGraph does with it

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread_id = config["configurable"]["thread_id"]
        thread = await self._thread(thread_id)
        namespace = config["configurable"].get("checkpoint_ns", "")
        wanted = get_checkpoint_id(config)
        at = At(namespace, wanted) if wanted else thread.latest(namespace)
        return thread.found(thread_id, at) if at is not None else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield a thread's checkpoints, newest first; without a config those of the run's own thread."""
        configurable = config["configurable"] if config else {}
        thread_id = configurable.get("thread_id", str(self._address.conversation_id))
        thread = await self._thread(thread_id)
        wanted = get_checkpoint_id(config) if config else None
        end = get_checkpoint_id(before) if before else None
        left = len(thread.kept) if limit is None else limit
        for at, metadata in thread.newest_first(configurable.get("checkpoint_ns")):
            if (wanted and at.id != wanted) or (end and at.id >= end) or not _has(metadata, filter):
                continue
            if left <= 0:
                return
            left -= 1
            found = thread.found(thread_id, at)
            if found is not None:
                yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - every checkpoint is kept whole
    ) -> RunnableConfig:
        thread_id = config["configurable"]["thread_id"]
        thread = await self._thread(thread_id)
        at = At(config["configurable"].get("checkpoint_ns", ""), checkpoint["id"])
        thread.put(at, checkpoint, get_checkpoint_metadata(config, metadata), get_checkpoint_id(config))
        return config_of(thread_id, at)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        configurable = config["configurable"]
        thread = await self._thread(configurable["thread_id"])
        at = At(configurable.get("checkpoint_ns", ""), configurable["checkpoint_id"])
        thread.put_writes(at, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        conversation_id = UUID(thread_id)
        self._threads[conversation_id] = Thread()
        self._stored.add(conversation_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            if strategy == "keep_latest":
                (await self._thread(thread_id)).keep_latest()
            else:
                await self.adelete_thread(thread_id)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> "BufferingSaver":  # noqa: ARG002
        """Return itself: only JSON is ever read, so no type needs to be allowed or forbidden."""
        return self

    async def _thread(self, thread_id: str) -> Thread:
        """Return a thread of the buffer; the first time, as it is in the database."""
        conversation_id = UUID(thread_id)
        if conversation_id not in self._threads:
            address = Address(self._address.tenant_id, ConversationId(conversation_id))
            read = await self._rows.read(address)
            version, thread = read or (None, Thread())
            if read is not None:
                self._stored.add(conversation_id)
            if conversation_id == self._address.conversation_id:
                self._paused = version
            self._threads.setdefault(conversation_id, thread)
        return self._threads[conversation_id]


def _has(metadata: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    return all(metadata.get(key) == value for key, value in (wanted or {}).items())
