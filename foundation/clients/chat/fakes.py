"""A language model that says what a test wrote."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from foundation.clients.chat.port import Prompt
from foundation.errors import ModelFailed


@dataclass
class ScriptedChat:
    """Yields the pieces in order and remembers what it was asked; a `ModelFailed` among them is raised."""

    pieces: Sequence[str | ModelFailed]
    model: str = "scripted"
    asked: list[Sequence[Prompt]] = field(default_factory=list)
    closed_early: bool = False

    async def stream(self, prompts: Sequence[Prompt], *, max_tokens: int) -> AsyncGenerator[str, None]:
        """Yield the script, at most `max_tokens` pieces."""
        self.asked.append(prompts)
        finished = False
        try:
            for piece in self.pieces[:max_tokens]:
                if isinstance(piece, ModelFailed):
                    finished = True
                    raise piece
                yield piece
            finished = True
        finally:
            self.closed_early = not finished
