"""The bootstrap's own logic, and the runner's arithmetic; the steps themselves run in every `make test`."""

import os
import subprocess
import sys

import pytest

from foundation import bootstrap
from foundation.settings import ROOT
from tests.run import Count, count_tests


def test_pip_configuration_is_read_with_its_precedence() -> None:
    output = "\n".join(
        [
            ":env:.find-links='/wheels'",
            "global.index-url='https://mirror.example/simple'",
            "global.find-links='/other'",
            "global.extra-index-url='file:///a file:///b'",
            "install.index-url='https://inner.example/simple'",
            "download.index-url='https://ignored.example'",
            "freeze.all='true'",
        ]
    )
    assert bootstrap.read_pip_configuration(output) == {
        "index-url": "https://inner.example/simple",
        "find-links": "/wheels",
        "extra-index-url": "file:///a file:///b",
    }


def test_uv_gets_what_pip_was_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"index-url": "https://m.example", "extra-index-url": "file:///a\nfile:///b", "cert": "/c.pem"}
    monkeypatch.setattr(bootstrap, "_pip_configuration", lambda: told)
    monkeypatch.setattr(os, "environ", {"UV_DEFAULT_INDEX": "https://own.example"})
    environment = bootstrap._uv_environment()
    assert environment["UV_DEFAULT_INDEX"] == "https://own.example"  # told to uv itself: wins
    assert environment["UV_INDEX"] == "file:///a file:///b"
    assert environment["SSL_CERT_FILE"] == "/c.pem"
    monkeypatch.setattr(bootstrap, "_pip_configuration", dict)
    monkeypatch.setattr(os, "environ", {})
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE"} & bootstrap._uv_environment().keys()


def test_an_old_python_gets_a_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert bootstrap.main([]) == 1
    assert capsys.readouterr().out.startswith("Replik needs Python 3.11 or newer; this is ")


def test_the_bootstrap_needs_nothing_installed() -> None:
    code = "import runpy; runpy.run_path('foundation/bootstrap.py', run_name='loaded')"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("closing", "count"),
    [
        ("12 passed in 0.50s", Count(12)),
        ("== 1 failed, 3 passed, 2 skipped, 1 warning in 61.02s (0:01:01) ==", Count(3, 1, 2)),
        ("1 error in 0.10s", Count(0, 1)),
        ("no tests ran in 0.01s", Count()),
        ("Segmentation fault", Count()),
    ],
)
def test_pytests_closing_line_is_counted(closing: str, count: Count) -> None:
    assert count_tests(f"....\n{closing}\n") == count
