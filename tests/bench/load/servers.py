"""Starts and stops what is measured beside us."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg

from foundation.bootstrap import _uv_environment
from foundation.stack.environment import quiet_environment
from foundation.stack.ports import free_ports
from tests.support.running import ROOT

_DEV = ROOT / ".venv" / "bench" / "langgraph-dev"
"""The development server's own environment: its dependencies cannot live beside ours."""
_DEV_LOCK = ROOT / "tests" / "bench" / "langgraph_dev" / "requirements.lock"


@contextmanager
def bare_server(superuser_url: str) -> Iterator[tuple[int, int]]:
    """Run the bare baseline on its own database in the same PostgreSQL; yield its port and process id."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("create database bare")
    url = urlunsplit(urlsplit(superuser_url)._replace(path="/bare"))
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "tests.bench.bare.app", str(port), url]
    with _running(command, ROOT, os.environ, f"http://127.0.0.1:{port}/openapi.json") as pid:
        yield port, pid


@contextmanager
def langgraph_dev_server(jobs: int | None = None) -> Iterator[tuple[int, int]]:
    """Run the LangGraph development server, as it comes or with so many `jobs` at once; as `bare_server`.

    Its environment is built on the first call, from a lock of its own.
    """
    _build_environment()
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory(prefix="rd") as folder:
        graph = f"{ROOT / 'tests' / 'light' / 'graph.py'}:make_graph"
        config = {"dependencies": ["."], "graphs": {"light": graph}}
        (Path(folder) / "langgraph.json").write_text(json.dumps(config))
        command = [
            *(str(_DEV / "bin" / "langgraph"), "dev", "--port", str(port), "--no-browser", "--no-reload"),
            *("--server-log-level", "warning"),
            *(["--n-jobs-per-worker", str(jobs)] if jobs is not None else []),
        ]
        environ = (
            os.environ | quiet_environment() | {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LOG_LEVEL": "WARNING"}
        )
        with _running(command, Path(folder), environ, f"http://127.0.0.1:{port}/ok") as pid:
            yield port, pid


def _build_environment() -> None:
    stamp = _DEV / "requirements.lock"
    if stamp.is_file() and stamp.read_bytes() == _DEV_LOCK.read_bytes():
        return
    print("building the development server's environment", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", _DEV], check=True)
    install = ["pip", "sync", "--quiet", "--require-hashes", "--python", str(_DEV / "bin" / "python")]
    subprocess.run(
        [Path(sys.executable).with_name("uv"), *install, _DEV_LOCK], env=_uv_environment(), check=True
    )
    stamp.write_bytes(_DEV_LOCK.read_bytes())


@contextmanager
def _running(command: list[str], folder: Path, environ: Mapping[str, str], ready: str) -> Iterator[int]:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=said)
        try:
            _wait(process, ready, 60)
            yield process.pid
        except BaseException:
            said.seek(0)
            print(said.read()[-4000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: "subprocess.Popen[bytes]", address: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(address).raise_for_status()
            return
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
