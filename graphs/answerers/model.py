"""An answerer that lets a language model write. What it writes is not trusted: the release gate judges it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.usage import Meter
from foundation.ids import TenantId
from graphs.answerers.port import Question
from graphs.answerers.prompt import PromptTemplate

NO_ANSWER: Final = "NO_ANSWER"
"""What the prompt tells the model to write when the passages do not answer."""


class ModelAnswerer:
    """Asks a model to answer from the passages only."""

    def __init__(self, model: ChatModel, prompt: PromptTemplate, *, max_tokens: int = 700) -> None:
        self._model = model
        self._prompt = prompt
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        return self._model.model

    @property
    def guarded(self) -> str:
        return self._prompt.system

    async def writer(self, _tenant_id: TenantId | None, /) -> str:
        """Return the model."""
        return self.name

    async def answer(self, question: Question, meter: Meter | None = None) -> AsyncGenerator[str, None]:
        """Yield the model's text as it comes; nothing when the model says it cannot answer.

        `meter` gets what was used, however it ends.

        Raises:
            ModelFailed: the model did not answer, or broke off.
        """
        head: str | None = ""
        prompts = self._prompt.prompts(question)
        stream = self._model.stream(prompts, max_tokens=self._max_tokens, meter=meter)
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if head is None:
                    yield piece
                    continue
                # Held back until it cannot be the beginning of NO_ANSWER any more.
                head += piece
                start = head.lstrip()
                if start.startswith(NO_ANSWER):
                    return
                if not NO_ANSWER.startswith(start):
                    yield head
                    head = None
        if head:
            yield head
