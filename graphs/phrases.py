"""Phrases that cover a whole message: only then is it what they say, and no question."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

Meaning = TypeVar("Meaning")
Phrase = tuple[str, ...]

_LONGEST: Final = 8
_TOKEN: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")


def tokens_of(text: str) -> Phrase:
    """Return a text's words as phrases are compared by them."""
    plain = unicodedata.normalize("NFC", text).casefold().replace("’", "'").replace("´", "'")
    # Three and more of a letter are drawn out: "heeej" is "hej", "tackkk" is "tack".
    return tuple(_TOKEN.findall(_DRAWN_OUT.sub(r"\1", plain)))


def covered(
    said: Phrase, longest: Callable[[Phrase], tuple[int, Meaning | None]]
) -> frozenset[Meaning] | None:
    """Return what the phrases mean that cover all words; None when a word is left.

    `longest` says how many of the words that follow the longest phrase takes, none for 0, and what it means,
    None for one that only stands around others.
    """
    meant: set[Meaning] = set()
    at = 0
    while at < len(said):
        length, meaning = longest(said[at : at + _LONGEST])
        if not length:
            return None
        if meaning is not None:
            meant.add(meaning)
        at += length
    return frozenset(meant)


def heads(words: Phrase) -> Iterator[Phrase]:
    """Yield what words begin with, the longest first."""
    return (words[:length] for length in range(len(words), 0, -1))
