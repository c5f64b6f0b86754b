"""Publishes a conversation's frames in order without holding up the turn: what is ready goes in one trip."""

import asyncio
from collections import deque

import structlog

from agents.frames import Frame, Passing, Stored, encode
from agents.staff_channel import bell
from agents.stream import Address
from foundation.clients.bus.port import Bus, Post

log = structlog.get_logger()


class Publisher:
    """A queue, and a task while there is something in it. Passing frames are also kept for who resumes."""

    def __init__(self, bus: Bus, address: Address) -> None:
        self._bus = bus
        self._channel = address.channel
        self._bell = bell(address)
        self._waiting: deque[Frame] = deque()
        self._task: asyncio.Task[None] | None = None

    def send(self, frame: Frame) -> None:
        """Queue a frame; returns at once. A frame that cannot be written down fails here, in its turn."""
        encode(frame)
        last = self._waiting[-1] if self._waiting else None
        both = last.followed_by(frame) if isinstance(last, Passing) and isinstance(frame, Passing) else None
        if both is not None:
            self._waiting[-1] = both
        else:
            self._waiting.append(frame)
        if self._task is None:
            self._task = asyncio.create_task(self._empty())

    async def flushed(self) -> None:
        """Wait until everything queued so far is published."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _empty(self) -> None:
        try:
            while self._waiting:
                frames = list(self._waiting)
                self._waiting.clear()
                await self._publish(frames)
        finally:
            self._task = None

    async def _publish(self, frames: list[Frame]) -> None:
        """Publish frames; a stored row empties the buffer of passing ones."""
        try:
            posts = [
                Post(self._channel, encode(frame), "append" if isinstance(frame, Passing) else "clear")
                for frame in frames
            ]
            if any(isinstance(frame, Stored) for frame in frames):
                posts.append(self._bell)
            await self._bus.post(*posts)
        except Exception:
            # Rows are stored and deltas are repeated in the final message: readers get by without.
            log.exception("frames_not_published", frames=len(frames))
