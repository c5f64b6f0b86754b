"""The docstrings below the fields of a value, which Python itself forgets."""

import ast
import inspect
import textwrap
from itertools import pairwise


def field_docs(value: type) -> dict[str, str]:
    """Return the docstring of each field that has one, those of base classes included, each on one line.

    A class whose source is not at hand has none.
    """
    docs: dict[str, str] = {}
    for each in reversed(value.__mro__):
        docs |= _own(each)
    return docs


def _own(value: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    return {
        before.target.id: " ".join(after.value.value.split())
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
