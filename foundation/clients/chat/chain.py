"""Several models in order: who cannot begin to answer is followed by the next."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog

from foundation.clients.chat.port import ChatModel, Prompt
from foundation.clients.chat.usage import Failed, Meter
from foundation.errors import ModelFailed

log = structlog.get_logger()


class ChainedChat:
    """A `ChatModel` made of others. Once a piece was given, a failure is a failure: nobody says it twice."""

    def __init__(self, *models: ChatModel) -> None:
        """`models`: one at least, the preferred one first."""
        if not models:
            raise ValueError("a chain needs a model")
        self._models = models

    @property
    def provider(self) -> str:
        return self._models[0].provider

    @property
    def model(self) -> str:
        return self._models[0].model

    async def close(self) -> None:
        """Close all of them."""
        for model in self._models:
            await model.close()

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the pieces of the first model that begins; `meter` learns who failed before it.

        Raises:
            ModelFailed: as the last one does, or as the one does that had begun.
        """
        for model in self._models:
            begun = False
            try:
                async with aclosing(model.stream(prompts, max_tokens=max_tokens, meter=meter)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except ModelFailed as error:
                _note(model, error, meter)
                if begun or model is self._models[-1]:
                    raise


def _note(model: ChatModel, error: ModelFailed, meter: Meter | None) -> None:
    reason = str(error.data.get("reason", "unknown"))
    log.warning("model_failed", provider=model.provider, model=model.model, reason=reason)
    if meter is not None:
        meter.failed.append(Failed(model.provider, model.model, reason))
