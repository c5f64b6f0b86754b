"""Prompts by name and version."""

from pathlib import Path

import pytest

from graphs.answerers.prompts import PromptUnusable, find_prompt


def write(folder: Path, file: str, name: str, version: int) -> None:
    text = f'name: {name}\nversion: {version}\nsystem: "{file} {{language}} {{passages}}"\n'
    (folder / file).write_text(text)


def test_the_shipped_prompt_is_found_with_and_without_its_version() -> None:
    assert find_prompt("answer") == find_prompt("answer@1")


def test_names_and_versions_lead_to_their_files(tmp_path: Path) -> None:
    write(tmp_path, "answer.yaml", "answer", 3)
    write(tmp_path, "answer@1.yaml", "answer", 1)
    write(tmp_path, "brief@2.yaml", "brief", 2)
    found = {
        reference: find_prompt(reference, tmp_path).system.split()[0]
        for reference in ("answer", "answer@3", "answer@1", "brief@2")
    }
    assert found == {
        "answer": "answer.yaml",
        "answer@3": "answer.yaml",
        "answer@1": "answer@1.yaml",
        "brief@2": "brief@2.yaml",
    }


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("brief", r"there is no prompt 'brief'; write configs/prompts/brief\.yaml, or use one .* answer"),
        ("answer@9", r"there is no prompt 'answer@9'; write configs/prompts/answer@9\.yaml"),
        ("twice@1", r"twice\.yaml and twice@1\.yaml are the same version; remove one"),
        ("other@2", r"other@2\.yaml holds 'other' of version 4; correct"),
        ("renamed", r"renamed\.yaml holds 'answer' of version 1; correct"),
        ("broken", r"broken\.yaml is not a prompt; give it"),
        ("../answer", "cannot be a prompt"),
        ("answer@0", "cannot be a prompt"),
        ("answer@", "cannot be a prompt"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_remedy(tmp_path: Path, reference: str, says: str) -> None:
    write(tmp_path, "answer.yaml", "answer", 1)
    write(tmp_path, "twice.yaml", "twice", 1)
    write(tmp_path, "twice@1.yaml", "twice", 1)
    write(tmp_path, "other@2.yaml", "other", 4)
    write(tmp_path, "renamed.yaml", "answer", 1)
    (tmp_path / "broken.yaml").write_text("system: Be nice.")
    with pytest.raises(PromptUnusable, match=says):
        find_prompt(reference, tmp_path)
