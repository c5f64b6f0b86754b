"""Kind `pattern`: a company's own regular expressions, such as its order numbers.

Python's engine can be made to run for years by a pattern like `(a+)+$`. Here each search has a deadline;
when it is over, the pattern counts as not found and the decision says so, and writing a policy tries it on
a hard text.
"""

from typing import Final

import regex
from pydantic import Field, field_validator

from foundation.turns import Value
from graphs.policies.port import Asked, Finding, Said, Spans, replace

LONGEST: Final = 500
_DEADLINE_S: Final = 0.02
_HARD: Final = ("a" * 2_000 + "!", "1" * 2_000 + "x", "ab1 " * 500 + "!")


class Options(Value):
    """The pattern, in the syntax of Python."""

    pattern: str = Field(min_length=1, max_length=LONGEST)
    ignore_case: bool = True
    replacement: str = Field(default="[…]", max_length=100)
    """What stands in the place of a match with the modes `redact` and `rewrite`."""

    @field_validator("pattern")
    @classmethod
    def _is_one(cls, pattern: str) -> str:
        try:
            compiled = regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        if compiled.search("", timeout=_DEADLINE_S) is not None:
            raise ValueError("matches an empty text; it would strike everywhere")
        return pattern


def is_slow(options: Options) -> bool:
    """Say whether the pattern takes too long on texts that are hard for careless ones: nested repetitions.

    For whoever writes a policy. A stored one is not tried again: on a busy machine a good one might fail.
    """
    compiled = regex.compile(options.pattern)
    try:
        for text in _HARD:
            compiled.search(text, timeout=_DEADLINE_S * 5)
    except TimeoutError:
        return True
    return False


def before(asked: Asked, options: Options) -> Finding | None:
    """Find the pattern in a customer's text."""
    return _found(asked.text, options)


def after(said: Said, options: Options) -> Finding | None:
    """Find the pattern in a unit of an answer."""
    return _found(said.text, options)


def _found(text: str, options: Options) -> Finding | None:
    compiled = regex.compile(options.pattern, regex.IGNORECASE if options.ignore_case else 0)
    spans: Spans = ()
    try:
        spans = tuple(match.span() for match in compiled.finditer(text, timeout=_DEADLINE_S) if match[0])
    except TimeoutError:
        # A rule that was not applied is said, not passed over; it cannot block, being no finding.
        return Finding("timeout", certain=False)
    return Finding("match", spans, replace(text, spans, options.replacement)) if spans else None
