"""Replik on a Ray cluster of several nodes on this machine, from one of the configs in `configs/serve/`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from foundation.settings import Settings
from tests.support.running import ROOT


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A head node with a gateway, and nodes with a host each."""

    url: str
    settings: Settings
    """Reach the same database and Valkey with these."""
    _process: "subprocess.Popen[str]"

    def kill_host_node(self) -> list[int]:
        """Kill every process of one node that has a host; return their ids."""
        killed: list[int] = self._order({"do": "kill_node", "resource": "back"})
        return killed

    def add_host_node(self) -> None:
        """Add a node that can have a host."""
        self._order({"do": "add_node", "resource": "back"})

    def _order(self, order: dict[str, str]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return _line(self._process)["done"]


def pinned(config: dict[str, Any], hosts: str) -> dict[str, Any]:
    """Return a Serve config with the gateway on the head, on each other node a host, built by `hosts`."""
    places = {"Gateway": "front", "ConversationHost": "back", "Ingestion": "front"}
    replik, *others = config["applications"]
    replik = {**replik, "args": {"hosts": hosts}}
    for application in (replik, *others):
        for deployment in application["deployments"]:
            share = {places[deployment["name"]]: 0.1 if deployment["name"] != "ConversationHost" else 1}
            deployment["ray_actor_options"] = {**deployment["ray_actor_options"], "resources": share}
    return {**config, "proxy_location": "HeadOnly", "applications": [replik, *others]}


@contextmanager
def running_cluster(config: Path, hosts: str) -> Iterator[RunningCluster]:
    """Start the cluster and deploy the config, with `hosts` (`module:function`) building the hosts.

    Raises:
        RuntimeError: it does not start; what it said is on standard error.
    """
    with tempfile.TemporaryDirectory(prefix="rc", ignore_cleanup_errors=True) as folder:
        ours = Path(folder) / "config.yaml"
        ours.write_text(yaml.safe_dump(pinned(yaml.safe_load(config.read_text()), hosts)))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.cluster_process", str(Path(folder) / "h"), str(ours)],
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            ready = _line(process)
            yield RunningCluster(ready["url"], Settings.load(ready["settings"]), process)
        finally:
            _stop(process)


def _line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the next JSON line of the process; other libraries may print in between."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            return said
    raise RuntimeError(f"the cluster ended with code {process.wait()}")


def _stop(process: "subprocess.Popen[str]") -> None:
    """Let it stop by itself; kill what is left after a while."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(family, timeout=10)
    for one in left:
        one.kill()
