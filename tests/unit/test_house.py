"""House rules that no linter knows (DESIGN section 7)."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("foundation", "agents", "graphs", "ingest", "admin_api", "serve")
LONGEST = 400
READS_ENVIRONMENT = {
    "serve/cli.py",
    "serve/cli_audit.py",
    "serve/cli_knowledge.py",
    "serve/cli_person.py",
    "serve/cli_support.py",
    "serve/cluster.py",
    "foundation/bootstrap.py",
}
"""The entry points."""

# In two pieces, or this file would break its own rules.
REGISTRIES = re.compile(
    "|".join(["py" + r"pi\.org", "python" + "hosted", r"registry\.np" + r"mjs", "yarn" + "pkg"])
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}/-])/(?:ro" + r"ot|wo" + r"rk|ho" + r"me/\w+|Us" + r"ers/\w+|opt/py" + r"pi)/"
)


@cache
def files() -> tuple[Path, ...]:
    """Return what is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return tuple(ROOT / name for name in listed if name and (ROOT / name).is_file())


def modules() -> Iterator[tuple[str, str]]:
    """Yield the Python files of the application: path from the root, text."""
    for file in files():
        name = file.relative_to(ROOT).as_posix()
        if file.suffix == ".py" and name.split("/")[0] in PACKAGES:
            yield name, file.read_text()


def test_modules_are_short() -> None:
    long = {
        file.relative_to(ROOT).as_posix(): lines
        for file in files()
        if file.suffix == ".py" and (lines := len(file.read_text().splitlines())) > LONGEST
    }
    assert long == {}


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_this_repositorys_own(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    places = list(spec.submodule_search_locations or ())
    assert places == [str(ROOT / name)]


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for file in files():
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if REGISTRIES.search(line) or MACHINE_PATHS.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_locks_have_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock"):
        text = (ROOT / name).read_text()
        assert not re.search(r"://|^-", text, re.MULTILINE)
        assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\w)", text.strip()))


def test_only_entry_points_read_the_environment() -> None:
    readers = {name for name, text in modules() if reads_environment(ast.parse(text))}
    assert readers - READS_ENVIRONMENT == set()


def reads_environment(tree: ast.AST) -> bool:
    """Tell whether code reads or changes `os.environ`, under whatever name it was imported."""
    words = {"environ", "environb", "getenv", "putenv"}
    return any(
        (
            isinstance(node, ast.Attribute)
            and node.attr in words
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(alias.name in words for alias in node.names)
        )
        for node in ast.walk(tree)
    )


def test_dependencies_of_routes_run_on_the_loop() -> None:
    """FastAPI runs plain functions in a pool of threads, at every request."""
    found = {name: plain_dependencies(ast.parse(text)) for name, text in modules()}
    assert {name: plain for name, plain in found.items() if plain} == {}
    assert plain_dependencies(ast.parse("def f(): ...\nasync def g(): ...\nDepends(f), Depends(g)")) == {"f"}


def plain_dependencies(tree: ast.AST) -> set[str]:
    """Return the functions without `async` that stand in a `Depends`."""
    asked = {
        argument.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Depends"
        for argument in node.args
        if isinstance(argument, ast.Name)
    }
    return asked & {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_guard_sees_what_it_should() -> None:
    assert reads_environment(ast.parse("import os\nx = os.environ['A']"))
    assert reads_environment(ast.parse("from os import getenv as g"))
    assert not reads_environment(ast.parse("def f(environ): return environ['A']"))


def test_checks_run_without_leaving_the_machine() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"^\s*- repo: (.+)$", text, re.MULTILINE) == ["local"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
