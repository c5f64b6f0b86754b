"""Kind `disclaimer`: what must stand below an answer, always or when the talk is of certain things.

It only adds, so it may come after a stream.
"""

from pydantic import Field

from foundation.turns import Language, Value
from graphs.policies.phrases import occurrences


class Options(Value):
    """The text by language; none is added in a language that has none."""

    text: dict[Language, str] = Field(min_length=1)
    words: tuple[str, ...] = Field(default=(), max_length=500)
    """Only for questions or answers with one of these words; `lån*` takes any ending."""


def addition(question: str, answer: str, language: Language, options: Options) -> str | None:
    """Return what to add to this answer, if anything."""
    wanted = not options.words or occurrences(f"{question}\n{answer}", options.words)
    return options.text.get(language) if wanted else None
