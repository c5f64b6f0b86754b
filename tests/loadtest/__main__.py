"""`make loadtest`: Locust without its page, a report as HTML, and one JSON line at the end.

`HOST`, `KEY`, `WIDGET_KEY`: whom to ask (see `tests.loadtest.target`). `USERS` at the same time (20), for
`SECONDS` (60); `SCENARIO` one or several of widget, api, mixed, storm; `REPORT` the page's file. Exit code 1
means that something failed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import StartError
from tests.loadtest.result import summary
from tests.loadtest.target import Target, find

ROOT = Path(__file__).resolve().parents[2]

SCENARIOS = {"widget": "WidgetChat", "api": "ApiChat", "mixed": "MixedTenants", "storm": "ReconnectStorm"}


def main(environ: Mapping[str, str]) -> int:
    """Run the load test that the environment asks for."""
    try:
        target = find(environ)
        users, seconds = (_number(environ, name, usual) for name, usual in (("USERS", 20), ("SECONDS", 60)))
        classes = _chosen(environ.get("SCENARIO", ""), target)
    except StartError as error:
        print(f"loadtest: {error.sentence}", file=sys.stderr)
        return 2
    report = Path(environ.get("REPORT") or ROOT / ".replik" / "loadtest.html").resolve()
    report.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        statistics = Path(folder) / "statistics"
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "locust",
                    "-f",
                    str(ROOT / "tests" / "loadtest" / "users.py"),
                    *classes,
                ),
                *("--headless", "--only-summary", "--host", target.host, "--html", str(report)),
                *("--users", str(users), "--spawn-rate", str(max(users / 5, 1)), "--run-time", f"{seconds}s"),
                *("--stop-timeout", "30", "--exit-code-on-error", "0", "--json-file", str(statistics)),
            ],
            cwd=ROOT,
            env={
                **environ,
                "PYTHONPATH": str(ROOT),
                "KEY": ",".join(target.keys),
                "WIDGET_KEY": ",".join(target.widget_keys),
            },
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            return done.returncode
        result = summary(json.loads(statistics.with_suffix(".json").read_text()), users)
    print(json.dumps({"name": "loadtest", **result, "report": str(report)}))
    missing = {name for name, user in SCENARIOS.items() if user in classes} - set(result["scenarios"])
    return 1 if result["failures"] or missing else 0


def _chosen(text: str, target: Target) -> list[str]:
    """Return the names of the Locust users to run."""
    possible = target.scenarios()
    names = [name.strip() for name in text.split(",") if name.strip()] or [
        name for name, user in SCENARIOS.items() if user in possible
    ]
    for name in names:
        if name not in SCENARIOS:
            raise StartError(f"There is no scenario {name!r}: give some of {', '.join(SCENARIOS)}.")
        if SCENARIOS[name] not in possible:
            raise StartError(
                f"Scenario {name} needs other keys: widget and storm a WIDGET_KEY, mixed two KEYs."
            )
    return [SCENARIOS[name] for name in names]


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    text = environ.get(name) or str(usual)
    if not text.isdigit() or int(text) == 0:
        raise StartError(f"{name} must be a whole number above 0: correct it.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(os.environ))
