"""What the rest of Replik needs of a language model."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from foundation.clients.chat.usage import Meter


@dataclass(frozen=True, slots=True)
class Prompt:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    text: str


class ChatModel(Protocol):
    """Streams an answer. Closing the generator cancels the request at the provider."""

    @property
    def provider(self) -> str:
        """Whose model it is: `openai`, `azure`, `compatible`."""
        ...

    @property
    def model(self) -> str: ...

    def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield pieces of text as they come.

        `meter` gets what was used, also when the stream fails or is closed early, by the time it has ended.

        Raises:
            ModelFailed: before the first piece after all retries, or at any point in the middle.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
