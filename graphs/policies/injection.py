"""Kind `injection`: attempts to take over the agent's instructions.

Wordings that only an attack has are certain. Beside them a light classifier (`graphs.policies.attacks`)
guesses from the question's meaning and its make-up; a guess flags or hands over, it never blocks, unless
`decide` says so. The gate is the real protection: whatever a model was talked into, what it says must stand
in a cited passage.
"""

import re

from pydantic import Field

from foundation.turns import Value
from graphs.policies.attacks import attack_score
from graphs.policies.orders import orders
from graphs.policies.port import Asked, Finding


class Options(Value):
    """How much it takes."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """Score from which on a text is taken for an attack; the measured one when left out."""
    decide: bool = False
    """Whether the classifier may block, not only flag or hand over."""


async def before(asked: Asked, options: Options) -> Finding | None:
    """Find an attack in a customer's text."""
    squeezed = re.sub(r"\s+", " ", asked.text)
    if spans := orders(squeezed):
        return Finding("instructions", spans)
    score = await attack_score(asked.text, asked.embedder)
    if score is None or score.value < (score.threshold if options.threshold is None else options.threshold):
        return None
    return Finding(f"score {score.value:.2f}", certain=options.decide)
