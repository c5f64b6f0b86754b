"""What the rest of Replik needs of a language model."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    text: str


class ChatModel(Protocol):
    """Streams an answer. Closing the generator cancels the request at the provider."""

    @property
    def model(self) -> str: ...

    def stream(self, prompts: Sequence[Prompt], *, max_tokens: int) -> AsyncGenerator[str, None]:
        """Yield pieces of text as they come.

        Raises:
            ModelFailed: before the first piece after all retries, or at any point in the middle.
        """
        ...
