"""Kind `tone`: how the agent sounds, by what can be counted: shouting, exclamation marks, emoji, words it
avoids.

`rewrite` mends what it found: capitals become ordinary, marks become one, emoji and avoided words go.
"""

import re
from typing import Final

from pydantic import Field

from foundation.turns import Value
from graphs.policies.phrases import occurrences
from graphs.policies.port import Asked, Finding, Said, Spans

_SHOUTED: Final = re.compile(r"(?<!\w)[A-ZÅÄÖÆØ]{4,}(?:[ ,]+[A-ZÅÄÖÆØ]{2,})+(?!\w)")
"""Capitals in a row: a single word is an abbreviation as often as not."""
_MARKS: Final = re.compile(r"!(?:\s*!)+|\?!+|!\?+")
_EMOJI: Final = re.compile("[\U0001f300-\U0001faff\U00002600-\U000027bf\U0001f1e6-\U0001f1ff][\ufe0f\u200d]*")


class Options(Value):
    """What does not fit the company's voice."""

    shouting: bool = True
    exclamations: bool = True
    """Two or more exclamation marks in a row."""
    emoji: bool = False
    """Whether emoji count."""
    avoid: dict[str, str] = Field(default_factory=dict, max_length=200)
    """Words and phrases the company does not use, with what it says instead."""


def before(asked: Asked, options: Options) -> Finding | None:
    """Find shouting in a customer's text: it tells of anger. Their emoji and words are their own."""
    spans = _found(asked.text, options.model_copy(update={"emoji": False, "avoid": {}}))
    return Finding("shouting", spans) if spans else None


def after(said: Said, options: Options) -> Finding | None:
    """Find what does not fit in a unit of an answer, and mend it."""
    spans = _found(said.text, options)
    return Finding("tone", spans, _mended(said.text, options)) if spans else None


def _found(text: str, options: Options) -> Spans:
    spans = [*occurrences(text, tuple(options.avoid))]
    for pattern, wanted in (
        (_SHOUTED, options.shouting),
        (_MARKS, options.exclamations),
        (_EMOJI, options.emoji),
    ):
        spans += [match.span() for match in pattern.finditer(text)] if wanted else []
    return tuple(sorted(spans))


def _mended(text: str, options: Options) -> str:
    for phrase, instead in options.avoid.items():
        for start, end in reversed(occurrences(text, (phrase,))):
            text = text[:start] + instead + text[end:]
    if options.shouting:
        text = _SHOUTED.sub(lambda match: match[0].capitalize(), text)
    if options.exclamations:
        text = _MARKS.sub(lambda match: "?" if "?" in match[0] else "!", text)
    if options.emoji:
        text = _EMOJI.sub("", text)
    return re.sub(r"[ \t]{2,}", " ", text).strip() if text.strip() else text
