"""The fixed texts customers see, from `configs/replies.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import yaml

from foundation.errors import StartError
from foundation.languages import LANGUAGES
from foundation.turns import Language

ReplyName = Literal[
    "greeting",
    "thanks",
    "goodbye",
    "anger",
    "unknown",
    "clarify",
    "blocked",
    "failed",
    "handover",
    "partial",
    "language",
    "merged",
    "back_today",
    "back_tomorrow",
    "back_weekday",
    "back_date",
    "weekdays",
    "months",
]
DEFAULT_PATH: Final = Path(__file__).resolve().parents[1] / "configs" / "replies.yaml"


class Replies:
    """Fixed texts by name and language; complete, or it cannot be made."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        """Raises: StartError naming the first text that is missing or empty."""
        for name in get_args(ReplyName):
            for language in LANGUAGES:
                text = texts.get(name, {}).get(language)
                if not isinstance(text, str) or not text.strip():
                    raise StartError(f"replies: `{name}.{language}` has no text; add it in the replies file")
        self._texts = {(name, language): texts[name][language] for name in texts for language in texts[name]}

    def text(self, name: ReplyName, language: Language) -> str:
        """Return a fixed text."""
        return self._texts[name, language]

    def in_language(self, name: ReplyName, language: str | None) -> str:
        """Return a fixed text in a conversation's language; in Swedish where that is none of ours."""
        return self.text(name, next((known for known in LANGUAGES if known == language), "sv"))


def load_replies(path: Path = DEFAULT_PATH) -> Replies:
    """Read the fixed texts.

    Raises:
        StartError: the file cannot be read, is not YAML, or lacks a text.
    """
    try:
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise StartError(f"{path.name}: cannot be read as YAML; restore the shipped file") from error
    if not isinstance(texts, dict) or not all(isinstance(value, dict) for value in texts.values()):
        raise StartError(f"{path.name}: must map each text's name to its languages; restore the shipped file")
    return Replies(texts)
