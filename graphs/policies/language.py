"""Kind `language`: which languages the company answers in."""

from pydantic import Field

from foundation.languages import clear
from foundation.turns import Language, Value
from graphs.policies.port import Asked, Finding, Said


class Options(Value):
    """The languages that are served."""

    allow: tuple[Language, ...] = Field(min_length=1)


def before(asked: Asked, options: Options) -> Finding | None:
    """Find that the conversation is in another language."""
    return None if asked.language in options.allow else Finding(asked.language)


def after(said: Said, options: Options) -> Finding | None:
    """Find that a unit is clearly in another language; names and short units never are."""
    language = clear(said.text)
    return None if language is None or language in options.allow else Finding(language)
