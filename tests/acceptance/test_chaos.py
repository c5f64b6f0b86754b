"""A short run of chaos: every kind of fault twice, on a loaded Replik in processes of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.schedule import POINTS
from tests.chaos.violation import KINDS
from tests.support.running import ROOT

FAULTS = 20


@pytest.mark.timeout(600)
def test_no_promise_is_broken_whatever_breaks(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--faults", str(FAULTS), "--history", str(history)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr[-20_000:]}"  # the seed, the faults and each violation
    assert done.returncode == 0, said
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {kind: figures[kind] for kind in KINDS} == dict.fromkeys(KINDS, 0), said
    assert figures["by_kind"] == dict.fromkeys(POINTS, FAULTS // len(POINTS)), said
    assert figures["acked"] >= 20 * figures["faults"], said
    assert all(figures["recovery_by_kind_s"][kind]["n"] > 0 for kind in POINTS), said
