"""A LangGraph thread in memory: its checkpoints and the writes that wait for the next one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    writes_sort_key,
)
from langgraph.checkpoint.serde.types import INTERRUPT
from langgraph.types import Interrupt

from agents.json_values import dump

_FORMAT = 1


class At(NamedTuple):
    """Where a checkpoint lies: the namespace of the (sub)graph, and the id, which grows with time."""

    namespace: str
    id: str


class Kept(NamedTuple):
    """A checkpoint as JSON texts: nobody can change it from outside."""

    checkpoint: str
    metadata: str
    parent: str | None


class Write(NamedTuple):
    """What a task has written since the checkpoint."""

    task: str
    place: int
    channel: str
    path: str
    kind: str
    """`json`, or `interrupts`: the one type of LangGraph's own that is let through."""
    value: str


@dataclass(slots=True)
class Thread:
    """All of it is JSON values: others would come back changed from a checkpoint, so they are refused."""

    kept: dict[At, Kept] = field(default_factory=dict)
    writes: dict[At, dict[tuple[str, int], Write]] = field(default_factory=dict)

    def put(self, at: At, checkpoint: Checkpoint, metadata: CheckpointMetadata, parent: str | None) -> None:
        """Keep a checkpoint.

        Raises:
            TypeError: the state has a value that is not JSON.
        """
        for channel, value in checkpoint["channel_values"].items():
            dump(value, f"the state {channel!r}")
        self.kept[at] = Kept(json.dumps(checkpoint), json.dumps(metadata), parent)

    def put_writes(self, at: At, writes: Sequence[tuple[str, Any]], task: str, path: str) -> None:
        """Keep a task's writes; those of the same task and place are kept once, special ones replaced.

        Raises:
            TypeError: a value is not JSON.
        """
        here = self.writes.setdefault(at, {})
        for nth, (channel, value) in enumerate(writes):
            place = WRITES_IDX_MAP.get(channel, nth)
            if place < 0 or (task, place) not in here:
                here[task, place] = Write(task, place, channel, path, *_encoded(channel, value))

    def latest(self, namespace: str = "") -> At | None:
        """Return where the newest checkpoint of a namespace lies."""
        return max((at for at in self.kept if at.namespace == namespace), default=None)

    @property
    def interrupted(self) -> bool:
        """Whether the newest checkpoint waits for an answer."""
        at = self.latest()
        return at is not None and any(write.channel == INTERRUPT for write in self._writes(at))

    def found(self, thread_id: str, at: At) -> CheckpointTuple | None:
        """Return a checkpoint as LangGraph wants it."""
        kept = self.kept.get(at)
        if kept is None:
            return None
        return CheckpointTuple(
            config=config_of(thread_id, at),
            checkpoint=json.loads(kept.checkpoint),
            metadata=json.loads(kept.metadata),
            parent_config=config_of(thread_id, At(at.namespace, kept.parent)) if kept.parent else None,
            pending_writes=[(write.task, write.channel, _decoded(write)) for write in self._writes(at)],
        )

    def newest_first(self, namespace: str | None) -> Iterator[tuple[At, Mapping[str, Any]]]:
        """Yield where each checkpoint lies, and its metadata; None means all namespaces."""
        for at in sorted(self.kept, key=lambda at: at.id, reverse=True):
            if namespace in {None, at.namespace}:
                yield at, json.loads(self.kept[at].metadata)

    def keep_latest(self) -> None:
        """Drop all but the newest checkpoint of each namespace: a run goes on from there."""
        newest = {self.latest(at.namespace) for at in self.kept}
        self.kept = {at: kept for at, kept in self.kept.items() if at in newest}
        self.writes = {at: writes for at, writes in self.writes.items() if at in newest}

    def dumped(self) -> bytes:
        """Return the whole thread."""
        whole = {
            "format": _FORMAT,
            "kept": [[*at, *kept] for at, kept in self.kept.items()],
            "writes": [[*at, *write] for at, here in self.writes.items() for write in here.values()],
        }
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def loaded(cls, data: bytes) -> "Thread":
        """Return the thread that was dumped.

        Raises:
            ValueError: it is of another format.
        """
        whole = json.loads(data)
        if whole["format"] != _FORMAT:
            raise ValueError("a thread of another format")
        thread = cls()
        for namespace, checkpoint_id, *kept in whole["kept"]:
            thread.kept[At(namespace, checkpoint_id)] = Kept(*kept)
        for namespace, checkpoint_id, *written in whole["writes"]:
            write = Write(*written)
            here = thread.writes.setdefault(At(namespace, checkpoint_id), {})
            here[write.task, write.place] = write
        return thread

    def _writes(self, at: At) -> list[Write]:
        here = self.writes.get(at, {}).values()
        return sorted(here, key=lambda write: writes_sort_key(write.path, write.task, write.place))


def config_of(thread_id: str, at: At) -> RunnableConfig:
    """Return the config by which LangGraph names a checkpoint."""
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": at.namespace, "checkpoint_id": at.id}}


def _encoded(channel: str, value: object) -> tuple[str, str]:
    if isinstance(value, Sequence) and value and all(isinstance(one, Interrupt) for one in value):
        asked = [{"value": one.value, "id": one.id} for one in value]
        return "interrupts", dump(asked, "what an interrupt asks")
    if isinstance(value, BaseException):
        # A run that fails is thrown away with all that it wrote; its text may be anybody's.
        value = type(value).__name__
    return "json", dump(value, f"what was written to {channel!r}")


def _decoded(write: Write) -> object:
    value = json.loads(write.value)
    return tuple(Interrupt(**one) for one in value) if write.kind == "interrupts" else value
