"""Personal data that even staff do not see unless they ask for it and say why."""

from typing import Final

from foundation.turns import Language
from graphs.policies.pii import Kind, redact

MASKED: Final[frozenset[Kind]] = frozenset({"personnummer", "kort", "iban"})
"""Not contacts: those staff need in order to help."""


def masked(text: str, language: str | None) -> str:
    """Return a text with `[personnummer 1]` and the like in place of such data."""
    [shown], _ = redact([text], _known(language), MASKED)
    return shown


def _known(language: str | None) -> Language:
    match language:
        case "en" | "nb" | "da" | "fi":
            return language
    return "sv"
