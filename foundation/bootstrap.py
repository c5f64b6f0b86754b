"""Builds what Replik needs: `python3 foundation/bootstrap.py [--dev] [--web]`. Stdlib only, Python 3.11 up.

Steps: the virtual environment, uv, the locked packages, the project itself, and with --web the web parts. A
step whose inputs have not changed since it last succeeded is skipped. Packages come from wherever the user's
pip takes them; every file's hash must be that of the lock.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
STAMPS = VENV / "replik-stamps.json"
WEB = ROOT / "web"

Environment = dict[str, str]


class Failed(Exception):
    """A step went wrong: one sentence, and the end of the tool's output."""

    def __init__(self, sentence: str, output: str = "") -> None:
        super().__init__(sentence)
        self.output = output


def main(arguments: list[str]) -> int:
    """Carry out the steps; return 0, or 1 after saying what went wrong."""
    parser = argparse.ArgumentParser(description="Builds what Replik needs.")
    parser.add_argument("--dev", action="store_true", help="with the tools for tests and lint")
    parser.add_argument("--web", action="store_true", help="with the web parts")
    options = parser.parse_args(arguments)
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is what finds out
        print(f"Replik needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")
        return 1
    try:
        _build(dev=options.dev, web=options.web)
    except Failed as failed:
        print(f"\n{failed}")
        if failed.output:
            print("\n".join(f"  | {line}" for line in failed.output.strip().splitlines()[-25:]))
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to go on.")
        return 130
    return 0


def _build(*, dev: bool, web: bool) -> None:
    works = _venv_works()
    stamps = _read_stamps() if works else {}
    # The larger set stays once it is there: `make run` after `make test` takes nothing away.
    dev = dev or stamps.get("dev") == "yes"
    lock = ROOT / ("requirements-dev.lock" if dev else "requirements.lock")
    count = sum("==" in line for line in lock.read_text().splitlines())
    project = _hash([ROOT / "pyproject.toml", lock]) + str(ROOT)
    steps: list[tuple[str, str, str, Callable[[], None]]] = [
        ("venv", "Making the virtual environment", "works" if works else "new", _make_venv),
        ("uv", "Installing the installer", _hash([ROOT / "requirements-bootstrap.lock"]), _install_uv),
        ("packages", f"Installing {count} packages", _hash([lock]), lambda: _install_packages(lock)),
        ("project", "Installing Replik", project, _install_project),
    ]
    if web:
        steps.append(("npm", "Installing the web tools", _hash(_web_lock()), _install_web))
        steps.append(("web", "Building the web parts", _hash(_web_sources()), _build_web))
    for number, (name, title, inputs, work) in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {title} … ", end="", flush=True)
        if _is_done(name, inputs, stamps):
            print("up to date")
            continue
        for later in _UNDONE_BY.get(name, (name,)):
            stamps.pop(later, None)
        begin = time.monotonic()
        work()
        stamps |= {name: inputs, "dev": "yes" if dev else "no"}
        STAMPS.write_text(json.dumps(stamps))
        print(f"{time.monotonic() - begin:.1f} s")


_UNDONE_BY = {
    "venv": ("uv", "packages", "project"),
    "uv": ("uv", "packages", "project"),
    "packages": ("packages", "project"),  # the exact set: what is not in the lock, is removed
}
"""Steps whose result is gone, or not known, once another begins."""


def _is_done(name: str, inputs: str, stamps: Mapping[str, str]) -> bool:
    if name == "venv":
        return inputs == "works"
    results = {"uv": BIN / "uv", "project": BIN / "replik", "npm": WEB / "node_modules", "web": WEB / "dist"}
    return stamps.get(name) == inputs and results.get(name, PYTHON).exists()


# The steps


def _make_venv() -> None:
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "The virtual environment cannot be made")
    except Failed as failed:
        if "ensurepip" in failed.output:
            name = f"python3.{sys.version_info.minor}-venv"
            raise Failed(
                f"Python lacks its venv module: install it (Debian, Ubuntu: apt install {name})."
            ) from None
        raise


def _install_uv() -> None:
    lock = ROOT / "requirements-bootstrap.lock"
    _run(
        [*_pip(), "install", "--quiet", "--require-hashes", "-r", str(lock)],
        "pip cannot install the installer (uv); check the network or pip's index settings",
    )


def _install_packages(lock: Path) -> None:
    _run(
        [str(BIN / "uv"), "pip", "sync", "--require-hashes", "--python", str(PYTHON), str(lock)],
        "The packages cannot be installed; check the network, the disk space or pip's index settings",
        _uv_environment(),
    )


def _install_project() -> None:
    _run(
        [
            *(
                str(BIN / "uv"),
                "pip",
                "install",
                "--python",
                str(PYTHON),
                "--no-deps",
                "--no-build-isolation",
            ),
            *("--offline", "--editable", str(ROOT)),
        ],
        "Replik itself cannot be installed",
        _uv_environment(),
    )


def _install_web() -> None:
    _run(
        [str(BIN / "npm"), "ci", "--no-audit", "--no-fund", "--no-update-notifier"],
        "The web tools cannot be installed; check the network or npm's registry settings",
        _node_environment(),
        WEB,
    )


def _build_web() -> None:
    _run([str(BIN / "npm"), "run", "build"], "The web parts cannot be built", _node_environment(), WEB)


# What the tools get


def _pip() -> list[str]:
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]


def _uv_environment() -> Environment:
    """Tell uv what the user told pip: uv does not read pip's configuration. What uv is told directly wins."""
    pip = _pip_configuration()
    ours: Environment = {"UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": "180"}
    if index := pip.get("index-url"):
        ours["UV_DEFAULT_INDEX"] = index
    if more := pip.get("extra-index-url"):
        # pip takes the best version of all indexes, uv of the first; the hashes keep both honest.
        ours |= {"UV_INDEX": " ".join(more.split()), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if links := pip.get("find-links"):
        ours["UV_FIND_LINKS"] = ",".join(links.split())
    if certificate := pip.get("cert"):
        ours["SSL_CERT_FILE"] = certificate
    if hosts := pip.get("trusted-host"):
        ours["UV_INSECURE_HOST"] = " ".join(hosts.split())
    if proxy := pip.get("proxy"):
        ours |= {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
    if pip.get("no-index", "").lower() in {"1", "true", "yes"}:
        ours["UV_NO_INDEX"] = "1"
    return {**ours, **os.environ}


def _pip_configuration() -> dict[str, str]:
    """Return pip's settings, the general ones under those of `install` under those of the environment."""
    output = _run([*_pip(), "config", "list"], "pip does not work in .venv; remove .venv and try again")
    return read_pip_configuration(output)


def read_pip_configuration(output: str) -> dict[str, str]:
    """Return option -> value from the output of `pip config list`."""
    found: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for line in output.splitlines():
            match = re.match(rf"{re.escape(section)}\.([\w-]+)=(.+)", line)
            if match:
                found[match[1].replace("_", "-")] = str(ast.literal_eval(match[2]))
    return found


def _node_environment() -> Environment:
    """Put the environment's own Node first, and keep its tools from phoning home."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "DO_NOT_TRACK": "1", "npm_config_update_notifier": "false"}


def _run(
    command: list[str], sentence: str, environment: Environment | None = None, folder: Path = ROOT
) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise Failed(f"{sentence}: {command[0]} cannot be run ({error.strerror}).") from None
    if done.returncode != 0:
        raise Failed(f"{sentence}.", done.stdout)
    return done.stdout


# What has been done


def _venv_works() -> bool:
    try:
        done = subprocess.run(
            [str(PYTHON), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _read_stamps() -> dict[str, str]:
    try:
        stamps: dict[str, str] = json.loads(STAMPS.read_text())
    except (OSError, ValueError):
        return {}
    return stamps


def _web_lock() -> list[Path]:
    return [WEB / "package.json", WEB / "package-lock.json"]


def _web_sources() -> Iterable[Path]:
    made = {"node_modules", "dist", "tests"}
    for folder, folders, files in os.walk(WEB):
        folders[:] = sorted(name for name in folders if name not in made)
        yield from (Path(folder) / name for name in sorted(files))


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes() if file.exists() else b"-")
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
