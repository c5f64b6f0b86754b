"""Finds whole words and phrases in a text, whatever their capitals and the spaces between."""

import functools
import re
from collections.abc import Sequence

from graphs.policies.port import Spans


def occurrences(text: str, phrases: Sequence[str]) -> Spans:
    """Return where any of the phrases stands as whole words; a `*` at a word's end stands for any ending."""
    pattern = _pattern(tuple(phrases))
    return tuple(match.span() for match in pattern.finditer(text)) if pattern else ()


@functools.lru_cache(maxsize=1024)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    written = [r"\s+".join(map(_word, phrase.split())) for phrase in phrases if phrase.strip()]
    if not written:
        return None
    # The longest first, so that a phrase wins over its first word.
    joined = "|".join(sorted(written, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)


def _word(word: str) -> str:
    return re.escape(word[:-1]) + r"\w*" if word.endswith("*") and len(word) > 1 else re.escape(word)
