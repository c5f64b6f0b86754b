"""Every scenario of the load test, for some seconds, against a light Replik."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.light.stack import LightStack, light_stack
from tests.support.running import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stack() -> Iterator[LightStack]:
    with light_stack(sentences=5) as running:
        yield running


def loadtest(stack: LightStack, report: Path, **more: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON line."""
    other = stack.add_tenant(5)
    done = subprocess.run(
        [sys.executable, "-m", "tests.loadtest"],
        cwd=ROOT,
        env={
            **os.environ,
            "HOST": stack.url,
            "KEY": f"{stack.keys.server_key},{other.server_key}",
            "WIDGET_KEY": f"{stack.keys.widget_key},{other.widget_key}",
            "REPORT": str(report),
            "USERS": "8",
            "SECONDS": "6",
            "PAUSE": "0.1",
        }
        | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, result


def test_every_scenario_runs_and_all_answers_arrive(stack: LightStack, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    code, result = loadtest(stack, report)
    print(result)
    assert (code, result["failures"]) == (0, 0), report.read_text()[-2000:]
    assert result["users"] == 8
    assert set(result["scenarios"]) == {"api", "mixed", "storm", "widget"}
    for scenario in result["scenarios"].values():
        assert scenario["turns"] > 0
        assert 0 < scenario["p50_ms"] <= scenario["p95_ms"]
    assert result["requests_per_s"] > result["turns_per_s"] > 0
    assert "<html" in report.read_text()


def test_a_failure_is_reported_as_one(stack: LightStack, tmp_path: Path) -> None:
    code, result = loadtest(stack, tmp_path / "report.html", KEY="sk_nobodys", SCENARIO="api", SECONDS="2")
    assert code == 1
    assert result["failures"] > 0
    assert result["scenarios"]["api"]["failures"] == result["scenarios"]["api"]["turns"]
