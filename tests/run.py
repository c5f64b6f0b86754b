"""All checks and tests, one line per stage; `--lint` for the checks alone. Stdlib only.

Every stage runs, whatever the ones before found. The output of those that failed is shown, and the last line
adds up the tests: `N passed, N failed, N skipped`.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
WEB = ROOT / "web"


@dataclass(frozen=True, slots=True)
class Stage:
    """A command and where it runs."""

    name: str
    command: Sequence[str]
    folder: Path = ROOT
    is_pytest: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """Tests by outcome; an error counts as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


CHECKS = (
    Stage("format", (str(BIN / "ruff"), "format", "--check", ".")),
    Stage("lint", (str(BIN / "ruff"), "check", ".")),
    Stage("types", (str(BIN / "mypy"),)),
    Stage("imports", (str(BIN / "lint-imports"),)),
    Stage("web types", (str(BIN / "npm"), "run", "check"), WEB),
)
PYTEST = (str(BIN / "python"), "-m", "pytest", "-q")
# A file's tests stay together; each process has services of its own. Stories share one Replik and its cores.
SIDE_BY_SIDE = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")
TESTS = (
    Stage("web tests", (str(BIN / "npm"), "test"), WEB),
    Stage("unit", (*PYTEST, *SIDE_BY_SIDE, "tests/unit"), is_pytest=True),
    Stage("integration", (*PYTEST, *SIDE_BY_SIDE, "tests/integration"), is_pytest=True),
    Stage("acceptance", (*PYTEST, "tests/acceptance"), is_pytest=True),
)


def main(arguments: Sequence[str]) -> int:
    """Run the stages; return 0 if all went well, else 1."""
    stages = CHECKS if "--lint" in arguments else CHECKS + TESTS
    total, failed = Count(), []
    for stage in stages:
        print(f"{stage.name:<12} ", end="", flush=True)
        begin = time.monotonic()
        code, output = _run(stage)
        count = count_tests(output) if stage.is_pytest else Count()
        total += count
        nothing = stage.is_pytest and code == 5  # pytest's code for "no tests collected"
        ok = code == 0 or nothing
        tests = (
            f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped, "
            if stage.is_pytest
            else ""
        )
        print(f"{'ok' if ok else 'FAILED':<7}{tests}{time.monotonic() - begin:.1f} s", flush=True)
        if not ok:
            failed.append(stage.name)
            print(output.rstrip(), flush=True)
    if stages != CHECKS:
        print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def count_tests(output: str) -> Count:
    """Return the counts of pytest's closing line."""
    closing = next((line for line in reversed(output.splitlines()) if re.search(r" in [\d.]+s", line)), "")
    found = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", closing)}
    return Count(
        found.get("passed", 0) + found.get("xfailed", 0),
        found.get("failed", 0) + found.get("error", 0) + found.get("errors", 0),
        found.get("skipped", 0),
    )


def _run(stage: Stage) -> tuple[int, str]:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        stage.command,
        cwd=stage.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
