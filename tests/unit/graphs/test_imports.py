"""Modules with nodes of one's own."""

from pathlib import Path

import pytest

from graphs.imports import import_fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import gone_dependency", "raised ModuleNotFoundError: No module named 'gone_dependency'"),
        ("raise ValueError('first\\nsecond')", "raised ValueError: first second"),
        ("def (", "raised SyntaxError"),
        (
            "from graphs.registry import NoOptions, node\nnode('policy', options=NoOptions)(lambda: None)",
            "a node named 'policy' is registered already",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    (tmp_path / "faulty_company.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    what, remedy = import_fault("faulty_company") or ("", "")
    assert says in what
    assert remedy == "correct the module"


def test_a_missing_module_is_told_by_its_missing_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_company").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert (import_fault("half_company.nodes") or ("",))[0] == "there is no module 'half_company.nodes'"
    assert (import_fault("no_company.nodes") or ("",))[0] == "there is no module 'no_company'"
    assert import_fault("json") is None
