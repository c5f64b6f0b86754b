"""What models cost and how much they may think, from `configs/models.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from foundation.clients.chat.usage import Used
from foundation.errors import StartError
from foundation.turns import Value

DEFAULT_PATH: Final = Path(__file__).resolve().parents[3] / "configs" / "models.yaml"
_MILLION: Final = 1_000_000

# YAML makes 0.1 a float, which is not a tenth; its shortest text is what was written.
Money = Annotated[Decimal, Field(ge=0), BeforeValidator(str)]


Effort = Literal["none", "minimal", "low", "medium", "high"]
"""OpenAI's `reasoning_effort`. What a model thinks counts as its answer, in time, tokens and money."""


class Price(Value):
    """A model's price for a million tokens of the prompt and of the answer."""

    model: str = Field(min_length=1)
    input: Money
    output: Money
    currency: str = Field(pattern="^[A-Z]{3}$")
    effort: Effort | None = None
    """How much it is asked to think; None leaves it to the model."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Prices:
    """The price table."""

    by_model: Mapping[str, Price]

    def cost(self, used: Used) -> Cost | None:
        """Return what a call cost; None when the model's price is not known."""
        price = self.by_model.get(used.model)
        if price is None:
            return None
        amount = used.prompt_tokens * price.input + used.completion_tokens * price.output
        return Cost(amount / _MILLION, price.currency)

    def effort(self, model: str) -> Effort | None:
        """Return how much a model is asked to think."""
        price = self.by_model.get(model)
        return None if price is None else price.effort


def load_prices(path: Path = DEFAULT_PATH) -> Prices:
    """Read the price table.

    Raises:
        StartError: the file cannot be read, or is not one.
    """
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        prices = TypeAdapter(tuple[Price, ...]).validate_python(rows or ())
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StartError(
            f"{path.name}: is not a list of prices with model, input, output, currency and perhaps effort;"
            " correct it"
        ) from error
    return Prices({price.model: price for price in prices})
