"""How sure the agent may be that its passages answer a question."""

from graphs.confidence.model import Confidence, Scored, Weights, load

__all__ = ["Confidence", "Scored", "Weights", "load"]
