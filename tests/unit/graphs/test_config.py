"""Graph configs: what is refused, and how clearly."""

from pathlib import Path

import pytest

from foundation.errors import StartError
from foundation.turns import Value
from graphs import registry
from graphs.builder import compiled
from graphs.config import DEFAULT_PATH, ConfigInvalid, GraphConfig, load_config
from graphs.replies import Replies, load_replies


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(old: str, new: str) -> Path:
        text = DEFAULT_PATH.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def line_of(path: Path, part: str) -> int:
    return next(at for at, line in enumerate(path.read_text().splitlines(), 1) if part in line)


def test_the_shipped_config_is_valid() -> None:
    config = load_config()
    assert (config.name, config.threshold, config.double_texting) == ("support", 0.7, "enqueue")


@pytest.mark.parametrize(
    ("old", "new", "part", "field", "says"),
    [
        ("threshold: 0.7", "treshold: 0.5", "treshold", "treshold", "correct its spelling"),
        ("threshold: 0.7", "threshold: 7", "threshold", "threshold", "less than or equal to 1"),
        ("enqueue #", "twice #", "double_texting", "double_texting", "'enqueue', 'merge'"),
        ("limit: 8", "limt: 8", "limt", "nodes.retrieve.options.limt", "correct its spelling"),
        ("use: unknown", "use: unknwon", "unknwon", "nodes.unknown.use", "use one of approved, cached"),
        ("to: policy", "to: polcy", "polcy", "edges.0.to", "there is no node 'polcy'"),
        ("nothing: unknown", "nothin: unknown", "nothin", "edges.6.when.nothin", "found, nothing"),
        ("prompt: answer", "prompt: answer@7", "answer@7", "models.prompt", "write configs/prompts/answer@7"),
        ("\nnodes:", "\nimports: [gone_company.nodes]\nnodes:", "gone_comp", "imports.0", "beside `graphs/`"),
        ("\nnodes:", "\nimports:\n  - json\n  - a-b\nnodes:", "a-b", "imports.1", "write it as in Python"),
        (", blocked: end", "", "from: policy", "edges.1.when", "add `blocked: <node>`"),
    ],
)
def test_a_mistake_is_told_with_file_line_field_and_remedy(  # type: ignore[no-untyped-def]
    write, *, old: str, new: str, part: str, field: str, says: str
) -> None:
    path = write(old, new)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(path)
    first = caught.value.problems[0]
    assert (first.file, first.line, first.field) == ("mine.yaml", line_of(path, part), field)
    assert says in str(caught.value)


def test_a_node_without_an_edge_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigInvalid, match="exactly one edge `from: unknown`"):
        load_config(write("  - {from: unknown, to: end}\n", ""))


def test_a_config_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"gone\.yaml:1: the file: there is no such file; .* support"):
        load_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        load_config(tmp_path)


@pytest.mark.parametrize("text", ["", "a: [1", "- just\n- a list"])
def test_what_is_no_config_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigInvalid, match=r"odd\.yaml:\d+"):
        load_config(path)


def test_equal_configs_are_compiled_once() -> None:
    assert compiled(load_config()) is compiled(load_config())
    other = load_config().model_copy(update={"threshold": 0.8})
    assert compiled(other) is not compiled(load_config())


def test_a_config_made_in_code_is_checked_too() -> None:
    data = load_config().model_dump(by_alias=True)
    data["nodes"]["unknown"]["use"] = "nowhere"
    with pytest.raises(ConfigInvalid, match="there is no node 'nowhere'"):
        compiled(GraphConfig.model_validate(data))


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="registered already"):
        registry.node("policy", options=Value)(registry.registered("policy").step)  # type: ignore[union-attr]


def test_replies_are_complete_or_refused(tmp_path: Path) -> None:
    assert load_replies().text("greeting", "fi").startswith("Hei")
    with pytest.raises(StartError, match=r"greeting\.sv"):
        Replies({})
    path = tmp_path / "replies.yaml"
    path.write_text("greeting: {sv: ''}")
    with pytest.raises(StartError, match=r"greeting\.sv"):
        load_replies(path)
