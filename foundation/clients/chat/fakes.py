"""A language model that says what a test wrote."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from foundation.clients.chat.port import Prompt
from foundation.clients.chat.usage import Meter, Used, estimated_tokens
from foundation.errors import ModelFailed


@dataclass
class ScriptedChat:
    """Yields the pieces in order and remembers what it was asked; a `ModelFailed` among them is raised."""

    pieces: Sequence[str | ModelFailed]
    model: str = "scripted"
    provider: str = "fake"
    asked: list[Sequence[Prompt]] = field(default_factory=list)
    closed_early: bool = False
    closed: bool = False

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the script, at most `max_tokens` pieces."""
        self.asked.append(prompts)
        finished = False
        said: list[str] = []
        try:
            for piece in self.pieces[:max_tokens]:
                if isinstance(piece, ModelFailed):
                    finished = True
                    raise piece
                said.append(piece)
                yield piece
            finished = True
        finally:
            self.closed_early = not finished
            if meter is not None and (said or not self.pieces):
                asked = estimated_tokens([prompt.text for prompt in prompts])
                meter.used.append(Used(self.provider, self.model, asked, len(said), True, 0.0))

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
