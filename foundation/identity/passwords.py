"""Which passwords are strong enough: long, and not made of what anybody would try first."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from foundation.errors import StartError
from foundation.identity.errors import WeakPassword

SHORTEST: Final = 12
LONGEST: Final = 128
"""Characters, whatever they are."""

_COMMON: Final = Path(__file__).resolve().parents[2] / "configs" / "passwords.yaml"
_RUNS: Final = ("abcdefghijklmnopqrstuvwxyzåäö", "01234567890", "qwertyuiopå", "asdfghjklöä", "zxcvbnm")
_LEET: Final = str.maketrans("013457@$!", "oieastasi")
_LEFT: Final = 6
"""Characters that must remain once what is easily guessed is taken away."""


def require_strong(password: str, *, own_words: Iterable[str] = ()) -> None:
    """Accept a strong password.

    `own_words` are the person's and the tenant's: names and addresses, cut into their words.

    Raises:
        WeakPassword: `reason` is `short`, `long`, `repeats`, `sequence`, `own_words` or `common`.
    """
    reason = _weakness(password, {word for text in own_words for word in _words(text)})
    if reason is not None:
        raise WeakPassword(field="password", reason=reason)


def _weakness(password: str, own: set[str]) -> str | None:
    if not SHORTEST <= len(password) <= LONGEST:
        return "short" if len(password) < SHORTEST else "long"
    lowered = password.lower()
    if len(set(lowered)) < 5 or re.fullmatch(r"(.{1,6})\1+.{0,5}", lowered, re.DOTALL):
        return "repeats"
    if len(_without_runs(lowered)) < _LEFT:
        return "sequence"
    if _left(lowered, own) < _LEFT:
        return "own_words"
    guessed = min(_left(text, common()) for text in (lowered, lowered.translate(_LEET)))
    return "common" if guessed < _LEFT else None


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.lower()) if len(word) > 3]


def _left(text: str, words: Iterable[str]) -> int:
    """Return how many characters remain without words, years, runs and what people hang on at the end."""
    rest = text
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest == text:
        return len(text)
    rest = _without_runs(re.sub(r"(19|20)\d\d", "", rest))
    return len(re.sub(r"[\W_]", "", rest))


def _without_runs(text: str) -> str:
    """Return the text without stretches of three or more that go along the alphabet, digits or keyboard."""
    rest, place = [], 0
    while place < len(text):
        length = max(_run(text[place:], run) for way in _RUNS for run in (way, way[::-1]))
        if length < 3:
            rest.append(text[place])
            length = 1
        place += length
    return "".join(rest)


def _run(text: str, run: str) -> int:
    begin = run.find(text[0])
    if begin < 0:
        return 0
    length = 0
    for letter, wanted in zip(text, run[begin:], strict=False):
        if letter != wanted:
            break
        length += 1
    return length


@cache
def common() -> frozenset[str]:
    """Return the words that passwords are commonly made of.

    Raises:
        StartError: the shipped file is not as it should be.
    """
    try:
        words = yaml.safe_load(_COMMON.read_text(encoding="utf-8"))["words"]
        return frozenset(str(word) for word in words.split())
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise StartError(f"{_COMMON.name}: cannot be read; restore the shipped file") from error
