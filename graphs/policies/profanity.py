"""Kind `profanity`: swearing and slurs, by a list of words for each of our five languages.

The list holds what is an insult in any customer service; companies add to it and take from it. Swedish
compounds are caught by their beginning (`fitt*`).
"""

from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import Field

from foundation.turns import Value
from graphs.policies.phrases import occurrences
from graphs.policies.port import Asked, Finding, Said, Spans, replace

_PATH: Final = Path(__file__).resolve().parents[2] / "configs" / "profanity.yaml"


class Options(Value):
    """Changes to the list."""

    add: tuple[str, ...] = Field(default=(), max_length=500)
    allow: tuple[str, ...] = Field(default=(), max_length=500)
    replacement: str = Field(default="***", max_length=40)
    """What stands in the place of a word with the mode `rewrite`."""


@cache
def _listed() -> tuple[str, ...]:
    lists: dict[str, list[str]] = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    # All languages at once: people swear in English in every country.
    return tuple(dict.fromkeys(word for words in lists.values() for word in words))


def _spans(text: str, options: Options) -> Spans:
    allowed = {word.casefold() for word in options.allow}
    spans = occurrences(text, (*_listed(), *options.add))
    return tuple((start, end) for start, end in spans if text[start:end].casefold() not in allowed)


def before(asked: Asked, options: Options) -> Finding | None:
    """Find swearing in a customer's text."""
    spans = _spans(asked.text, options)
    return Finding("word", spans, replace(asked.text, spans, options.replacement)) if spans else None


def after(said: Said, options: Options) -> Finding | None:
    """Find swearing in a unit of an answer."""
    spans = _spans(said.text, options)
    return Finding("word", spans, replace(said.text, spans, options.replacement)) if spans else None
