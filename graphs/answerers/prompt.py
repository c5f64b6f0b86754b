"""The text that frames a question for a model, from `configs/prompts/`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from foundation.clients.chat.port import Prompt
from foundation.errors import StartError
from foundation.turns import Language, Value
from graphs.answerers.port import Question
from graphs.passages import Passage

P = TypeVar("P", bound=Value)

DEFAULT_PATH: Final = Path(__file__).resolve().parents[2] / "configs" / "prompts" / "answer.yaml"
_HISTORY: Final = 6
"""How many earlier utterances the model sees."""
_LANGUAGE_NAMES: Final[dict[Language, str]] = {
    "sv": "Swedish",
    "en": "English",
    "nb": "Norwegian Bokmål",
    "da": "Danish",
    "fi": "Finnish",
}
_OUR_TAGS: Final = re.compile(r"<(?=\s*/?\s*passages?\b)", re.IGNORECASE)


class PromptTemplate(Value):
    """A versioned system prompt."""

    name: str
    version: int = Field(ge=1)
    system: str

    @field_validator("system")
    @classmethod
    def _has_slots(cls, system: str) -> str:
        if "{language}" not in system or "{passages}" not in system:
            raise ValueError("needs the slots {language} and {passages}")
        return system

    def prompts(self, question: Question) -> list[Prompt]:
        """Return the messages for the model: the rules with the passages, what was said, and the question."""
        # Passages last, so that nothing in them is taken for a slot.
        system = self.system.replace("{language}", _LANGUAGE_NAMES[question.language])
        system = system.replace("{passages}", _delimited(question.passages))
        said = [
            Prompt("user" if utterance.author == "customer" else "assistant", utterance.text)
            for utterance in question.history[-_HISTORY:]
            if utterance.author != "system"
        ]
        return [Prompt("system", system), *said, Prompt("user", question.text)]


class RewritePrompt(Value):
    """A versioned system prompt for follow-up questions; see `graphs.answerers.rewrite`."""

    name: str
    version: int = Field(ge=1)
    system: str


def load_prompt(path: Path = DEFAULT_PATH) -> PromptTemplate:
    """Read a prompt for answers.

    Raises:
        StartError: the file cannot be read or is not a prompt.
    """
    return load(path, PromptTemplate)


def load(path: Path, kind: type[P]) -> P:
    """Read a prompt of a kind.

    Raises:
        StartError: the file cannot be read or is not a prompt.
    """
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise StartError(f"{path.name}: is not a prompt with name, version and system; correct it") from error


def _delimited(passages: Sequence[Passage]) -> str:
    """Write the passages as data; one that contains our tags cannot close its own."""
    return "\n".join(
        f'<passage n="{number}">\n{_harmless(f"{passage.title} > {passage.heading}".rstrip(" >"))}\n'
        f"{_harmless(passage.text)}\n</passage>"
        for number, passage in enumerate(passages, 1)
    )


def _harmless(text: str) -> str:
    return _OUR_TAGS.sub("(", text)
