"""The configs in configs/serve/ are what Serve takes, and what they name is there."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from agents.deployment import ConversationHost
from foundation.errors import StartError
from foundation.settings import ROOT, Settings, env_name
from foundation.stack.environment import quiet_environment
from serve import cluster
from serve.gateway import APP
from serve.ingress import ray_environment

FOLDER = ROOT / "configs" / "serve"
PLAIN = ("machine", "haproxy", "cluster")

COMPLETE = {
    "DATABASE_URL": "postgresql://app:uK3-9x_Qw7Lm@db/replik",
    "DATABASE_MIGRATOR_URL": "postgresql://migrator:uK3-9x_Qw7Lm@db/replik",
    "DATABASE_WORKER_URL": "postgresql://worker:uK3-9x_Qw7Lm@db/replik",
    "DATABASE_SYSTEM_URL": "postgresql://system:uK3-9x_Qw7Lm@db/replik",
    "REDIS_URL": "rediss://:uK3-9x_Qw7Lm@cache",
    "CHROMA_URL": "http://vectors:8000",
    "FILES_URL": "s3://files",
    "ENCRYPTION_KEY": "0123456789abcdef" * 4,
}


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", PLAIN)
def test_serve_takes_it_and_everything_named_is_there(name: str) -> None:
    schema = ServeDeploySchema.model_validate(read(name))
    assert {path.stem for path in FOLDER.iterdir()} == {*PLAIN, "kuberay"}
    assert [(app.name, app.route_prefix) for app in schema.applications] == [(APP, "/"), ("ingestion", None)]
    for app in schema.applications:
        module, _, function = app.import_path.partition(":")
        assert len(inspect.signature(getattr(importlib.import_module(module), function)).parameters) == 1
        assert quiet_environment().items() <= app.runtime_env["env_vars"].items()
    known = {"Gateway", ConversationHost.name, cluster.Ingestion.name}  # type: ignore[attr-defined]
    assert {each.name for app in schema.applications for each in app.deployments} <= known


def test_haproxy_reaches_controller_and_replicas() -> None:
    schema = ServeDeploySchema.model_validate(read("haproxy"))
    assert schema.controller_options is not None
    assert schema.controller_options.runtime_env is not None
    given = schema.controller_options.runtime_env["env_vars"]
    assert given["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert all(given.items() <= app.runtime_env["env_vars"].items() for app in schema.applications)


def test_one_machine_stays_on_this_machine() -> None:
    assert read("machine")["http_options"]["host"] == "127.0.0.1"


def test_kubernetes_deploys_the_clusters_config() -> None:
    kuberay = read("kuberay")
    assert yaml.safe_load(kuberay["spec"]["serveConfigV2"]) == read("cluster")
    ray = kuberay["spec"]["rayClusterConfig"]
    groups = [ray["headGroupSpec"], *ray["workerGroupSpecs"]]
    containers = [group["template"]["spec"]["containers"][0] for group in groups]
    settings = set(map(env_name, Settings.model_fields))
    for container in containers:
        given = {each["name"]: each["value"] for each in container["env"]}
        assert set(given) - settings == {"RAY_USAGE_STATS_ENABLED"}
        assert container["envFrom"] == [{"secretRef": {"name": "replik-settings"}}]
        own = {name: value for name, value in given.items() if name in settings}
        assert Settings.load(COMPLETE | {"PUBLIC_URL": "https://help.example.com"} | own).mode == "production"
    deadline = Settings.load({}).turn_deadline_s
    assert all(
        group["template"]["spec"]["terminationGracePeriodSeconds"] > deadline + 10
        for group in ray["workerGroupSpecs"]
    )


def test_a_clusters_settings_are_complete_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    settings = cluster.cluster_settings()
    assert settings.require("database_direct_url") == COMPLETE["DATABASE_WORKER_URL"]
    assert settings.ray_address is not None
    for name, reason in {
        "FILES_URL": "FILES_URL is not set",
        "ENCRYPTION_KEY": "ENCRYPTION_KEY is not set",
        "CHROMA_URL": "but CHROMA_URL is not",
    }.items():
        with monkeypatch.context() as without:
            without.delenv(name)
            with pytest.raises(StartError, match=reason):
                cluster.cluster_settings()


def test_ray_is_kept_to_this_machine_and_haproxy_to_its_home(tmp_path: Path) -> None:
    plain = ray_environment(Settings.load({"REPLIK_HOME": str(tmp_path)}))
    assert plain == {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "FORWARDED_ALLOW_IPS": ""}
    listens = {"REPLIK_HOST": "0.0.0.0", "INGRESS": "haproxy"}
    one, other = (
        ray_environment(Settings.load(listens | {"REPLIK_HOME": str(tmp_path / name)})) for name in "ab"
    )
    assert one["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    own = {name for name in one if name.startswith("RAY_SERVE_HAPROXY_") or name.endswith("_PORT")}
    own -= {name for name in own if name.endswith("RETRY_ON")}  # the same for every home
    assert not {one[name] for name in own} & {other[name] for name in own}
    # HAProxy adds the node's id of 56 characters and, while it starts, a suffix; 107 is the limit.
    socket = Path(one["RAY_SERVE_HAPROXY_SOCKET_PATH"])
    assert len(str(socket)) + 57 + len(".12345678.tmp") <= 107 or not str(socket).startswith("/tmp/")
    assert socket.parent.stat().st_mode & 0o077 == 0
    assert ray_environment(Settings.load(COMPLETE | {"RAY_ADDRESS": "auto"})) == {}
