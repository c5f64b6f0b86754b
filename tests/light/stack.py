"""A light Replik in processes of its own, for tests that load it or break it, and for benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from foundation.settings import Settings
from tests.support.running import ROOT


@dataclass(frozen=True, slots=True)
class Keys:
    """A tenant and the keys that open it."""

    tenant_id: str
    server_key: str
    widget_key: str


@dataclass(slots=True)
class LightStack:
    """A serving light Replik. Not for several threads at once."""

    process: "subprocess.Popen[str]"
    url: str
    settings: Settings
    """Reach the same database and Valkey with these."""
    superuser_url: str
    """Of the same PostgreSQL, for a database beside ours."""
    keys: Keys
    _family: psutil.Process = field(repr=False)

    def hosts(self) -> list[int]:
        """Return the process ids of the live `ConversationHost` replicas."""
        return self._called("ServeReplica:replik:ConversationHost")

    def gateways(self) -> list[int]:
        """Return the process ids of the live `Gateway` replicas."""
        return self._called("ServeReplica:replik:Gateway")

    def proxies(self) -> list[int]:
        """Return the process ids of what stands before the gateways: Serve's proxy, HAProxy."""
        return self._called("ProxyActor") + self._called("HAProxyManager") + self._called("haproxy")

    def controller(self) -> int:
        """Return the process id of Serve's controller."""
        return self._called("ServeController")[0]

    def postgres(self) -> int:
        """Return the process id of PostgreSQL's postmaster."""
        return int((self.settings.home / "postgres" / "postmaster.pid").read_text().split()[0])

    def valkey(self) -> int:
        """Return the process id of the Valkey that runs now."""
        return self._called("valkey-server")[0]

    def processes(self) -> list[psutil.Process]:
        """Return all processes of this Replik."""
        return [self._family, *self._family.children(recursive=True)]

    def scale(self, deployment: str, replicas: int) -> None:
        """Ask Serve for so many `ConversationHost` or `Gateway` replicas; returns before they are there."""
        self.order({"do": "scale", "deployment": deployment, "replicas": replicas})

    def restart_valkey(self, down_s: float = 0.0) -> None:
        """Stop Valkey and start it again after `down_s` seconds, empty, under the same address."""
        self.order({"do": "restart_valkey", "down_s": down_s})

    def add_tenant(self, sentences: int) -> Keys:
        """Make one more tenant, whose answers have so many sentences."""
        return Keys(**self.order({"do": "tenant", "sentences": sentences}))

    def order(self, order: dict[str, Any]) -> Any:
        """Give an order of `tests.light.process`; return what was done.

        Raises:
            RuntimeError: it could not be carried out.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = _line(self.process)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer["done"]

    def _called(self, name: str) -> list[int]:
        found = []
        for process in self.processes():
            try:
                command = process.cmdline()
                if command and name in Path(command[0]).name and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
            except psutil.NoSuchProcess:
                continue
        return found


@contextmanager
def light_stack(
    *,
    hosts: int = 1,
    gateways: int = 1,
    sentences: int = 20,
    queue: int = 500,
    haproxy: bool = False,
    throughput: bool = False,
    build: str = "tests.light.host:build",
    environ: Mapping[str, str] | None = None,
) -> Iterator[LightStack]:
    """Start a light Replik and stop it at the end of the block, also after a failure.

    `queue` is how many turns of a tenant may wait, `build` names the function that makes the hosts
    (`module:function`), `environ` reaches all processes.

    Raises:
        RuntimeError: it does not start; what it said is on standard error.
    """
    with tempfile.TemporaryDirectory(prefix="rl", ignore_cleanup_errors=True) as folder:
        command = [
            *(sys.executable, "-m", "tests.light.serve", "--home", str(Path(folder) / "h")),
            *("--hosts", str(hosts), "--gateways", str(gateways)),
            *("--sentences", str(sentences), "--build", build, "--queue", str(queue)),
            *(["--haproxy"] if haproxy else []),
            *(["--throughput"] if throughput else []),
        ]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(os.environ) | dict(environ or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        family: list[psutil.Process] = []
        try:
            try:
                ready = _line(process)
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{_log_tail(Path(folder) / 'h')}") from error
            stack = LightStack(
                process,
                ready["url"],
                Settings.load(ready["settings"]),
                ready["superuser_url"],
                Keys(**ready["tenant"]),
                psutil.Process(process.pid),
            )
            yield stack
        finally:
            if process.poll() is None:
                family = psutil.Process(process.pid).children(recursive=True)
            _stop(process, family)


def _line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the next JSON line of the process; other libraries may print in between."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
    raise RuntimeError(f"the light stack ended with code {process.wait()}")


def _log_tail(home: Path) -> str:
    log = home / "logs" / "replik.log"
    return "\n".join(log.read_text().splitlines()[-40:]) if log.is_file() else "it has logged nothing"


def _stop(process: "subprocess.Popen[str]", family: list[psutil.Process]) -> None:
    """Let it stop by itself; what a test stopped or broke so that it cannot, is killed."""
    for one in family:
        try:
            if one.status() == psutil.STATUS_STOPPED:
                one.resume()
        except psutil.NoSuchProcess:
            continue
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    for one in left:
        one.kill()
