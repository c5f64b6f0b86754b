"""Modules with nodes of one's own, which a graph config names in `imports`."""

import importlib


def import_fault(module: str) -> tuple[str, str] | None:
    """Import a module, which registers its nodes; return what is wrong and the remedy, if anything is."""
    if not all(part.isidentifier() for part in module.split(".")):
        return f"{module!r} cannot be the name of a module", "write it as in Python: my_company.nodes"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            return _failed(module, error)
        remedy = "put it in a folder beside `graphs/`, install its package, or correct the name"
        return f"there is no module {error.name!r}", remedy
    except Exception as error:  # noqa: BLE001 # somebody else's code: the engineer hears what it raised
        return _failed(module, error)
    return None


def _failed(module: str, error: Exception) -> tuple[str, str]:
    said = " ".join(str(error).split())
    return f"importing {module!r} raised {type(error).__name__}: {said}", "correct the module"
