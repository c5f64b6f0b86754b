"""A model behind a circuit breaker, with a limit to the wait for its first piece."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from foundation.clients.chat.breaker import Breaker
from foundation.clients.chat.port import ChatModel, Prompt
from foundation.clients.chat.usage import Meter
from foundation.errors import ModelFailed

_OF_THE_QUESTION: Final = frozenset({"length", "content_filter", "status_400", "status_413", "status_422"})
"""Reasons that lie in what was asked: whoever asks such things must not take the model from everybody."""


class GuardedChat:
    """A `ChatModel` that refuses at once while its breaker is open."""

    def __init__(self, model: ChatModel, breaker: Breaker, *, first_s: float | None = None) -> None:
        """`first_s`: seconds up to the first piece, all retries together; None leaves it to the model."""
        self._model = model
        self._breaker = breaker
        self._first_s = first_s

    @property
    def provider(self) -> str:
        return self._model.provider

    @property
    def model(self) -> str:
        return self._model.model

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the model's pieces.

        Raises:
            ModelFailed: as the model does; `timeout` when it does not begin in time, and `circuit_open` at
                once while it is not to be asked.
        """
        entered = self._breaker.enter()
        if entered is None:
            raise ModelFailed(reason="circuit_open")
        try:
            async with aclosing(self._model.stream(prompts, max_tokens=max_tokens, meter=meter)) as pieces:
                first = await self._first(pieces)
                # At the first piece, or others would be refused for as long as a probe's answer takes.
                self._breaker.succeeded(entered)
                entered = "call"
                if first is not None:
                    yield first
                    async for piece in pieces:
                        yield piece
        except ModelFailed as error:
            if error.data.get("reason") in _OF_THE_QUESTION:
                self._breaker.succeeded(entered)
            else:
                self._breaker.failed(entered)
            raise
        except BaseException:  # whoever asked went away, before or after the first piece
            self._breaker.gave_up(entered)
            raise

    async def _first(self, pieces: AsyncGenerator[str, None]) -> str | None:
        try:
            async with asyncio.timeout(self._first_s):
                return await anext(pieces, None)
        except TimeoutError as error:
            raise ModelFailed(reason="timeout") from error
