"""Known vulnerabilities of what the locks pin: `make audit`, on a machine that may ask the OSV database.

The protocol is OSV's `/v1/querybatch` (https://google.github.io/osv.dev/post-v1-querybatch/). Exits with 1
when there is one, 2 when nobody could be asked. No test and no CI run asks outside; before a release a person
runs this.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from foundation.turns import Value

ROOT = Path(__file__).resolve().parents[1]
SERVICE = "https://api.osv.dev"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock")
_MOST = 1_000
"""Packages that the service takes at once."""
_WAIT_S = 30.0


class Package(Value):
    """One version of a package, as a package URL names it."""

    ecosystem: str
    """`pypi` or `npm`."""
    name: str
    version: str

    @property
    def url(self) -> str:
        return f"pkg:{self.ecosystem}/{self.name.replace('@', '%40')}@{self.version}"


def pinned(lock: Path) -> dict[str, set[str]]:
    """Return the versions that a lock allows of each package: more than one where platforms differ."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", lock.read_text(), re.M):
        found.setdefault(plain(name), set()).add(version)
    return found


def plain(name: str) -> str:
    """Return a package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(root: Path = ROOT) -> list[Package]:
    """Return everything that the project's locks pin."""
    python = {
        Package(ecosystem="pypi", name=name, version=version)
        for lock in LOCKS
        for name, versions in pinned(root / lock).items()
        for version in versions
    }
    web = {
        Package(ecosystem="npm", name=path.rpartition("node_modules/")[2], version=one["version"])
        for path, one in json.loads((root / "web" / "package-lock.json").read_text())["packages"].items()
        if path
    }
    return sorted(python | web, key=lambda one: one.url)


def known(asked: Sequence[Package], service: str = SERVICE) -> dict[Package, list[str]]:
    """Return the ids of the vulnerabilities of each package that has any.

    Raises httpx.HTTPError when the service cannot be asked.
    """
    found: dict[Package, list[str]] = {}
    with httpx.Client(base_url=service, timeout=_WAIT_S) as client:
        for start in range(0, len(asked), _MOST):
            # What does not fit in one answer goes on at a token; few packages have so many.
            left: list[tuple[Package, str]] = [(one, "") for one in asked[start : start + _MOST]]
            while left:
                answer = client.post("/v1/querybatch", json={"queries": [_query(*each) for each in left]})
                results = answer.raise_for_status().json()["results"]
                for (one, _), result in zip(left, results, strict=True):
                    found.setdefault(one, []).extend(each["id"] for each in result.get("vulns", ()))
                left = [
                    (one, token)
                    for (one, _), result in zip(left, results, strict=True)
                    if (token := result.get("next_page_token"))
                ]
    return {one: ids for one, ids in found.items() if ids}


def _query(package: Package, token: str) -> dict[str, object]:
    return {"package": {"purl": package.url}, **({"page_token": token} if token else {})}


def main(arguments: Sequence[str]) -> int:
    """Print a line for each package with a known vulnerability."""
    parser = argparse.ArgumentParser(description="Asks for known vulnerabilities of what the locks pin.")
    parser.add_argument("--service", default=SERVICE, help="an OSV database")
    asked = packages()
    service = parser.parse_args(arguments).service
    try:
        found = known(asked, service)
    except httpx.HTTPError as error:
        print(f"Nobody could be asked: {service} did not answer ({type(error).__name__}).", file=sys.stderr)
        return 2
    for package, ids in found.items():
        print(f"{package.ecosystem} {package.name} {package.version}: {', '.join(ids)}")
    print(f"{len(asked)} packages, {len(found)} with known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
