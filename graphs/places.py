"""YAML with the line of every field, so that an error can name the place."""

from collections.abc import Callable
from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file, where, and what to do about it."""

    file: str
    line: int
    field: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field or 'the file'}: {self.what}; {self.remedy}"


def read_yaml(
    text: str, name: str, *, error: Callable[[tuple[Problem, ...]], Exception]
) -> tuple[object, yaml.Node]:
    """Return the data of a YAML text and its tree with places.

    Raises:
        Whatever `error` makes of the problem: the text is not YAML, or empty.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = str(getattr(fault, "problem", None) or "not YAML")
        raise error((Problem(name, line, "", what, "correct the YAML syntax"),)) from fault
    if root is None:
        raise error(
            (Problem(name, 1, "", "it is empty", "write a graph config, or start from support.yaml"),)
        )
    return data, root


def place(root: yaml.Node, where: tuple[str | int, ...]) -> tuple[int, str]:
    """Return the line (from 1) of a field and its dotted name; a missing field has its parent's line."""
    node, line = root, 1
    for part in where:
        found = _child(node, part)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line, ".".join(str(part) for part in where)


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the key's and the value's node."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
