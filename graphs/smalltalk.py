"""Recognises a message that is nothing but small talk: a greeting, thanks, a goodbye, or anger.

Phrases cover the whole message or it is not small talk: "hej!" is, "hej, hur lång är returtiden?" is not.
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import yaml

from foundation.languages import LANGUAGES
from foundation.turns import Language, Value
from graphs.phrases import Phrase, covered, heads, tokens_of

SmalltalkKind = Literal["anger", "goodbye", "thanks", "greeting"]
KINDS: Final[tuple[SmalltalkKind, ...]] = get_args(SmalltalkKind)
"""The strongest first: "tack, hej då" is a goodbye, whatever is angry is anger."""

_PATH: Final = Path(__file__).resolve().parents[1] / "configs" / "smalltalk.yaml"
_LONGEST_MESSAGE: Final = 20
_CLAUSE: Final = re.compile(r"[^,.!?…;:\n]+(?:[.,]\d[^,.!?…;:\n]*)*[,.!?…;:\n]*\s*|[,.!?…;:\n]+\s*")
_OPENER: Final = re.compile(
    r"^(?:(?:hej|hejsan|hallå|tja|tjena|oj|hörni|hi|hello|hey|hei|heisann|moi|terve)\b[\s,.!:…–-]*)+(?=\w)",
    re.IGNORECASE,
)
"""Greetings that people write before a question, often without a comma."""
_VARIATION: Final = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")


class Smalltalk(Value):
    """What kind of small talk a message is, and in which languages it reads so."""

    kind: SmalltalkKind
    languages: tuple[Language, ...]

    def language(self, conversation: Language) -> Language:
        """Return the language to reply in: the conversation's if the message reads so in it."""
        if not self.languages or conversation in self.languages:
            return conversation
        return self.languages[0]


class _Vocabulary:
    """The phrases by kind and language, as tokens."""

    def __init__(self, data: Mapping[str, Mapping[str, list[str]]], emojis: Mapping[str, str]) -> None:
        self.phrases: dict[tuple[SmalltalkKind, Language], frozenset[Phrase]] = {
            (kind, language): frozenset(tokens_of(phrase) for phrase in data[kind][language])
            for kind in KINDS
            for language in LANGUAGES
        }
        self.fillers: dict[Language, frozenset[Phrase]] = {
            language: frozenset(tokens_of(phrase) for phrase in data["fillers"][language])
            for language in LANGUAGES
        }
        self.around_anger: dict[Language, frozenset[Phrase]] = {
            language: frozenset(tokens_of(str(phrase)) for phrase in data["around_anger"][language])
            for language in LANGUAGES
        }
        self.intensifiers: dict[Language, tuple[str, ...]] = {
            language: tuple(data["intensifiers"][language]) for language in LANGUAGES
        }
        self.emojis: dict[SmalltalkKind, frozenset[str]] = {
            kind: frozenset(emojis.get(kind, "")) for kind in KINDS
        }


def recognise(text: str) -> Smalltalk | None:
    """Return what small talk a message is, or None when there is anything else in it."""
    vocabulary = _vocabulary()
    tokens = tokens_of(text)
    if not tokens:
        return _by_emoji(text, vocabulary)
    if len(tokens) > _LONGEST_MESSAGE:
        return None
    kinds = {language: _kind(tokens, language, vocabulary) for language in LANGUAGES}
    found = [kind for kind in kinds.values() if kind]
    if not found:
        return None
    kind = min(found, key=KINDS.index) if "anger" in found else max(found, key=found.count)
    return Smalltalk(kind=kind, languages=tuple(lang for lang in LANGUAGES if kinds[lang] == kind))


def without_smalltalk(text: str) -> str:
    """Return a text without the small talk before and after what it says: "Hej! Var är ni? Tack!"

    A text of nothing else is returned as it is.
    """
    parts = [part for part in _CLAUSE.findall(text.strip()) if part.strip()]
    start, end = 0, len(parts)
    while start < end and _courteous(parts[start]):
        start += 1
    while end > start and _courteous(parts[end - 1]):
        end -= 1
    rest = _OPENER.sub("", "".join(parts[start:end]).strip(" ,;:–-\n"))
    return rest or text.strip()


def _courteous(clause: str) -> bool:
    """Say whether a clause can go; an angry one ("it doesn't work") may be what it is about."""
    found = recognise(clause)
    return found is not None and found.kind != "anger"


def _kind(tokens: Phrase, language: Language, vocabulary: _Vocabulary) -> SmalltalkKind | None:
    """Cover the tokens with phrases, longest first; return the strongest kind among them.

    With the words that stand around anger only anger can be covered.
    """
    plain = covered(tokens, functools.partial(_longest, language, vocabulary, vocabulary.fillers[language]))
    if plain is not None:
        return next((kind for kind in KINDS if kind in plain), None)
    fillers = vocabulary.fillers[language] | vocabulary.around_anger[language]
    angry = covered(tokens, functools.partial(_longest, language, vocabulary, fillers))
    return "anger" if angry and "anger" in angry else None


def _longest(
    language: Language, vocabulary: _Vocabulary, fillers: frozenset[Phrase], rest: Phrase
) -> tuple[int, SmalltalkKind | None]:
    for head in heads(rest):
        for kind in KINDS:
            if head in vocabulary.phrases[kind, language]:
                return len(head), kind
        if head in fillers:
            return len(head), None
    if any(
        (plain,) in vocabulary.phrases["anger", language] for plain in _plainer(rest[0], language, vocabulary)
    ):
        return 1, "anger"
    return 0, None


def _plainer(word: str, language: Language, vocabulary: _Vocabulary) -> list[str]:
    """Return a word without what intensifies it: `skitförbannad` is `förbannad`."""
    return [word[len(each) :] for each in vocabulary.intensifiers[language] if word.startswith(each)]


def _by_emoji(text: str, vocabulary: _Vocabulary) -> Smalltalk | None:
    signs = [sign for sign in _VARIATION.sub("", text) if unicodedata.category(sign) == "So"]
    for kind in KINDS:
        if signs and any(sign in vocabulary.emojis[kind] for sign in signs):
            return Smalltalk(kind=kind, languages=())
    return None


@functools.cache
def _vocabulary() -> _Vocabulary:
    data = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    return _Vocabulary(data, data["emojis"])
