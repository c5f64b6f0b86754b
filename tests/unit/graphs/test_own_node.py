"""The node that docs/graphs.md shows is written as it stands there, and works."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from foundation.turns import Answer
from graphs import registry
from graphs.config import ConfigInvalid, load_config
from graphs.replies import load_replies
from serve.cli import main
from tests.unit.graphs.fakes import FakeAnswerer, Shop, shown
from tests.unit.graphs.test_schema import faults
from tests.unit.test_docs import ROOT, blocks

PAGE = ROOT / "docs" / "graphs.md"
MODULE = "my_company.hours"


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's graph config, beside its module; nothing of it is left afterwards."""
    [code], [config] = blocks(PAGE, "python"), blocks(PAGE, "yaml")
    folder, file = tmp_path / "my_company", tmp_path / "hours.yaml"
    folder.mkdir()
    (folder / "hours.py").write_text(code.text)
    file.write_text(config.text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_nodes", dict(registry._nodes))
    yield file
    for name in (MODULE, "my_company"):
        sys.modules.pop(name, None)


async def test_a_turn_goes_through_it(graph: Path) -> None:
    shop = Shop(FakeAnswerer([]), config=load_config(graph))
    events = await shop.ask("Vilka öppettider har ni?")
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert (answer.text, answer.outcome) == ("Vi har öppet 9 till 17, alla dagar.", "answered")
    assert shown(events) == answer.text
    assert answer.trace["graph"] == "hours@1"


async def test_another_question_takes_its_other_route(graph: Path) -> None:
    events = await Shop(FakeAnswerer([]), config=load_config(graph)).ask("Vad kostar frakten till Umeå?")
    assert shown(events) == load_replies().text("unknown", "sv")


def test_its_mistakes_are_told_as_those_of_our_own(graph: Path) -> None:
    text = graph.read_text()
    graph.write_text(text.replace("text:", "txt:"))
    with pytest.raises(ConfigInvalid, match=r"hours\.yaml:5: nodes\.hours\.options\.text: .*; add it"):
        load_config(graph)
    graph.write_text(text.replace("told: end", "said: end"))
    with pytest.raises(ConfigInvalid, match=r"hours\.yaml:9: .* never takes the route 'said'; .*told, other"):
        load_config(graph)


def test_without_its_module_the_line_that_names_it_is_told(graph: Path) -> None:
    (graph.parent / "my_company" / "hours.py").unlink()
    with pytest.raises(ConfigInvalid, match=r"hours\.yaml:3: imports\.0: there is no module") as caught:
        load_config(graph)
    assert len(caught.value.problems) == 1


def test_the_commands_know_it(graph: Path) -> None:
    run = CliRunner().invoke
    assert "ok (hours@1, 2 nodes" in run(main, ["graph", "check", str(graph)]).output
    assert "Tell the hours to who asks" in run(main, ["graph", "show", str(graph)]).output
    schema = graph.with_name("schema.json")
    assert run(main, ["graph", "schema", "--import", MODULE, "-o", str(schema)]).exit_code == 0
    config = yaml.safe_load(graph.read_text())
    assert faults(config, json.loads(schema.read_text())) == []
    assert faults(config) != []
