"""The prompts there are: `answer` is the one in answer.yaml, `answer@2` the second version of it.

NAME.yaml is what a config gets that names no version; NAME@2.yaml holds a further version beside it.
"""

import re
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from foundation.errors import StartError
from graphs.answerers.prompt import DEFAULT_PATH, PromptTemplate, RewritePrompt, load

FOLDER: Final = DEFAULT_PATH.parent
P = TypeVar("P", PromptTemplate, RewritePrompt)

_REFERENCE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(?:@[1-9][0-9]*)?")


class PromptUnusable(StartError):
    """A graph config cannot have the prompt that it names."""

    code = "prompt_unusable"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def find_prompt(reference: str, folder: Path = FOLDER) -> PromptTemplate:
    """Return the prompt that a graph config names for answers.

    Raises:
        PromptUnusable: there is none, or its file is not what its name says.
    """
    return _find(reference, folder, PromptTemplate)


def find_rewrite_prompt(reference: str, folder: Path = FOLDER) -> RewritePrompt:
    """Return the prompt that a graph config names for follow-up questions.

    Raises:
        PromptUnusable: there is none, or its file is not what its name says.
    """
    return _find(reference, folder, RewritePrompt)


def _find(reference: str, folder: Path, kind: type[P]) -> P:
    """Return the prompt of a name.

    Raises:
        PromptUnusable: there is none, or its file is not what its name says.
    """
    if not _REFERENCE.fullmatch(reference):
        raise PromptUnusable(
            f"{reference!r} cannot be a prompt", "write a name, or a name and a version: answer@1"
        )
    name, _, version = reference.partition("@")
    main = _read(folder / f"{name}.yaml", kind)
    if not version:
        return main or _none(reference, folder)
    other = _read(folder / f"{reference}.yaml", kind)
    if main is None or main.version != int(version):
        return other or _none(reference, folder)
    if other is not None:
        raise PromptUnusable(f"{name}.yaml and {reference}.yaml are the same version", "remove one of them")
    return main


def _read(path: Path, kind: type[P]) -> P | None:
    """Read a prompt, if there is the file; its name and version must be those of the file's name."""
    if not path.exists():
        return None
    try:
        prompt = load(path, kind)
    except StartError as error:
        raise PromptUnusable(f"{path.name} is not a prompt", "give it name, version and system") from error
    name, _, version = path.stem.partition("@")
    if prompt.name != name or (version and prompt.version != int(version)):
        what = f"{path.name} holds {prompt.name!r} of version {prompt.version}"
        raise PromptUnusable(what, "correct its `name` and `version`, or rename the file")
    return prompt


def _none(reference: str, folder: Path) -> NoReturn:
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
    remedy = f"write configs/prompts/{reference}.yaml, or use one there is: {known}"
    raise PromptUnusable(f"there is no prompt {reference!r}", remedy)
