"""Where a model is reached, and under which key."""

from dataclasses import dataclass, field
from typing import Final, Literal

Provider = Literal["openai", "azure", "compatible"]
EXTRACTIVE: Final = "extractive"
"""In LLM_FALLBACKS: no model, but the answerer that quotes."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model of one provider. At Azure the model is a deployment, and the address that of the resource."""

    provider: Provider
    model: str
    base_url: str
    key: str = field(repr=False)
