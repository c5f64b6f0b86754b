"""What README and docs/ name exists, and is what they say it is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from foundation import errors
from foundation.identity import errors as identity_errors
from foundation.settings import Settings, env_name
from graphs.config import GraphConfig, Models
from ingest.extract import Reason
from serve.app import create_app
from serve.cli import main
from tests.unit.test_house import MACHINE_PATHS, REGISTRIES

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
LONGEST = 150

NOT_RUN = {
    "starts Replik": {"make run"},
    "runs all tests": {"make test"},
    "needs a provider's key": {
        "LLM_PROVIDER=openai OPENAI_API_KEY=... OPENAI_MODEL=gpt-4o-mini .venv/bin/replik run"
    },
    "production deployment": None,
}
"""Why a block may be left out, and the commands that this excuses; None means any."""

OTHER_NAMES = {"NO_ANSWER"}
"""Words in capitals that are neither settings nor variables of the page's own scripts."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block and the comments right before it."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None
    expected: tuple[str, ...]


def blocks(page: Path, language: str) -> list[Block]:
    """Return a page's blocks of one language, in order."""
    found, comments, begun = [], list[str](), 0
    inside: list[str] | None = None
    opened = ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if inside is not None:
            if line.startswith("```"):
                if opened == language:
                    found.append(_block(page, begun, opened, inside, comments))
                inside, comments = None, []
            else:
                inside.append(line)
        elif line.startswith("```"):
            inside, opened, begun = [], line.removeprefix("```").strip(), number
        elif match := re.fullmatch(r"<!-- (.+) -->", line):
            comments.append(match[1])
        elif line.strip():
            comments = []
    assert inside is None, f"{page.name}:{begun}: the block does not end"
    return found


def _block(page: Path, line: int, language: str, inside: list[str], comments: list[str]) -> Block:
    said = [comment.partition(": ")[::2] for comment in comments]
    unknown = {name for name, _ in said} - {"not run", "expect"}
    assert not unknown, f"{page.name}:{line}: {unknown}"
    reasons = [value for name, value in said if name == "not run"]
    expected = tuple(value for name, value in said if name == "expect")
    return Block(page, line, language, "\n".join(inside), reasons[0] if reasons else None, expected)


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    section = re.split(rf"^## {re.escape(heading)}$", (ROOT / page).read_text(), flags=re.MULTILINE)[1]
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(page: Path) -> list[str]:
    """Return what stands in code spans and blocks, SQL left out."""
    text = re.sub(r"^```sql.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [*fenced, *spans]


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


# Links


def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            wrong.append(target)
    assert wrong == []


@cache
def anchors(file: Path) -> frozenset[str]:
    """Return what may stand after `#`: headings of a page, functions and classes of a module."""
    text = file.read_text()
    if file.suffix == ".md":
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return frozenset(_names(ast.parse(text), "")) if file.suffix == ".py" else frozenset()


def _names(node: ast.AST, before: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield before + child.name
            yield from _names(child, f"{before}{child.name}.")


def test_files_named_in_passing_exist(page: Path) -> None:
    folders = "|".join(
        path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    named = [
        span for span in code(page) if "\n" not in span and re.fullmatch(rf"(?:{folders})/[\w./-]*", span)
    ]
    assert [span for span in named if not (ROOT / span).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    text = (ROOT / "docs" / "index.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages - set(re.findall(r"\]\(([\w-]+\.md)\)", text)) == set()


# Commands


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(code(page))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) - targets == set()
    benchmarks = re.findall(r'^    "(\w+)": ', (ROOT / "tests" / "bench" / "__main__.py").read_text(), re.M)
    assert set(re.findall(r"\bmake bench NAME=(\w+)", text)) - set(benchmarks) == set()


def test_replik_commands_exist(page: Path) -> None:
    for span in code(page):
        for words in re.findall(r"(?:^|[\s/])replik((?: [a-z][a-z-]*)+)", span):
            command: click.Command = main
            for word in words.split():
                if not isinstance(command, click.Group):
                    break
                assert word in command.commands, f"replik{words}"
                command = command.commands[word]


def test_modules_that_are_run_exist(page: Path) -> None:
    for name in re.findall(r"python3? -m ([\w.]+)", "\n".join(code(page))):
        assert find_spec(name) is not None, name


def test_settings_exist(page: Path) -> None:
    known = {env_name(field) for field in Settings.model_fields} | OTHER_NAMES
    for span in code(page):
        words = set(re.findall(r"(?<![\w.-])[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", span))
        assert (
            words - known - set(re.findall(r"^([A-Z_]+)=", span, re.MULTILINE)) - own_variables(page) == set()
        )


@cache
def own_variables(page: Path) -> set[str]:
    """Return the variables that a page's own scripts set."""
    scripts = "\n".join(block.text for block in blocks(page, "sh") if block.not_run is None)
    return set(re.findall(r"^([A-Z_]+)=", scripts, re.MULTILINE))


def test_what_is_not_run_has_a_reason_from_the_list(page: Path) -> None:
    for block in blocks(page, "sh"):
        if block.not_run is not None:
            assert block.not_run in NOT_RUN, f"{page.name}:{block.line}"
            excused = NOT_RUN[block.not_run]
            assert excused is None or block.text in excused, f"{page.name}:{block.line}"


def test_no_other_kind_of_block_hides_a_command(page: Path) -> None:
    kinds = set(re.findall(r"^```(\S*)\n(?:.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    # test_own_node.py and test_visitor_identity.py run those of Python and YAML.
    run = {"graphs.md": {"python", "yaml"}, "keys.md": {"python"}}
    assert kinds <= {"sh", "sql", "html", "text"} | run.get(page.name, set())


# Tables that repeat what the code says


def test_error_codes_are_those_of_the_code() -> None:
    documented = {cells[0].strip("`"): int(cells[1]) for cells in table("docs/api.md", "Errors")}
    assert documented == _statuses(errors.__name__)


def test_refusals_are_those_of_sign_in() -> None:
    rows = table("docs/sign-in.md", "Refusals")
    documented = {code: int(cells[1]) for cells in rows for code in re.findall(r"`(\w+)`", cells[0])}
    assert documented == _statuses(identity_errors.__name__)


def _statuses(module: str) -> dict[str, int]:
    return {error.code: error.status for error in _errors(errors.ReplikError) if error.__module__ == module}


def _errors(base: type[errors.ReplikError]) -> Iterator[type[errors.ReplikError]]:
    yield base
    for error in base.__subclasses__():
        yield from _errors(error)


def test_routes_are_those_of_the_app() -> None:
    pages = [page for page in PAGES if "\n## Routes\n" in page.read_text()]
    documented = {cells[0].strip("`") for page in pages for cells in table(str(page), "Routes")}
    paths = create_app(lambda: pytest.fail("not entered")).openapi()["paths"]
    assert documented == {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_events_are_those_of_the_widgets_contract() -> None:
    documented = {cells[0].strip("`") for cells in table("docs/api.md", "Events")}
    contract = (ROOT / "web" / "widget" / "src" / "contract.ts").read_text()
    assert documented == set(re.findall(r'\{ type: "(\w+)"; data', contract))


def test_reasons_are_those_of_the_code() -> None:
    assert {cells[0].strip("`") for cells in table("docs/admins.md", "Reasons")} == {
        str(one) for one in Reason
    }


def test_graph_fields_are_those_of_the_code() -> None:
    for heading, value in (("Graph configs", GraphConfig), ("Who answers", Models)):
        rows = table("docs/graphs.md", heading)
        documented = {name for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}
        assert documented == set(value.model_fields)


# Risks


def test_every_risk_names_a_test_that_exists_or_says_that_there_is_none() -> None:
    python, web = known_tests()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "risks.md").read_text().splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| risk |"))
    ]
    assert len(rows) > 30
    for risk, mitigation, shown in rows:
        named = set(re.findall(r"`(test_\w+)`", shown))
        quoted = set(re.findall(r'"([^"]+)"', shown))
        assert mitigation, risk
        assert named or quoted or "no test yet" in shown, risk
        assert named - python == set(), risk
        assert quoted - web == set(), risk


SECURITY = ("threat-model.md", "asvs.md")


@pytest.mark.parametrize("name", SECURITY)
def test_what_is_said_of_security_names_tests_that_exist(name: str) -> None:
    named = set(re.findall(r"\btest_\w+(?:\.py)?", (ROOT / "docs" / name).read_text()))
    assert len(named) > 40
    assert named - known_tests()[0] - {file.name for file in (ROOT / "tests").rglob("test_*.py")} == set()


@pytest.mark.parametrize("name", SECURITY)
def test_what_is_said_of_security_is_shown_or_said_to_be_missing(name: str) -> None:
    tables = re.split(r"^\|.*\| test \|\n\|[-|]+\n", (ROOT / "docs" / name).read_text(), flags=re.M)[1:]
    lines = [line for table in tables for line in table.split("\n\n")[0].splitlines()]
    assert len(lines) > 20
    assert [one for one in lines if "test_" not in one and "| there is none |" not in one] == []


@cache
def known_tests() -> tuple[set[str], set[str]]:
    """Return the names of all Python tests and the titles of all web tests."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / "tests").rglob("test_*.py")]
    python = {name for tree in trees for name in _names(tree, "") if name.startswith("test_")}
    files = list((ROOT / "web").glob("*/tests/*.ts"))
    web = {title for file in files for title in re.findall(r'\bit\(\s*"([^"]+)"', file.read_text())}
    return python, web


# Form


def test_pages_are_short_and_name_no_machine(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) <= LONGEST
    assert [line for line in lines if REGISTRIES.search(line) or MACHINE_PATHS.search(line)] == []


def test_pictures_are_readable_in_light_and_dark_and_say_what_they_show() -> None:
    pictures = list((ROOT / "docs" / "pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        text = picture.read_text()
        assert "prefers-color-scheme: dark" in text
        assert "<title" in text
        assert "<desc" in text
        assert not re.search(r"<script|href=|url\((?!#)", text)
