"""The deploy files parse, mean what they say to Ray, and open nothing to the network by default."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def _load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.fixture(scope="module")
def serve() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own imports warn
        from ray.serve.schema import ServeDeploySchema
    return ServeDeploySchema.model_validate(_load("serve.yaml"))


def test_serve_listens_on_loopback_and_never_cuts_a_stream_by_time(serve: Any) -> None:
    assert _load("serve.yaml")["http_options"]["host"] == "127.0.0.1"
    assert serve.http_options.host == "127.0.0.1"
    assert serve.http_options.request_timeout_s is None


def test_an_upgrade_starts_the_new_replica_before_it_stops_the_old(serve: Any) -> None:
    (application,) = serve.applications
    deployments = {deployment.name: deployment for deployment in application.deployments}
    assert application.import_path == "service.api.app:build"
    assert set(deployments) == {"Api", "Events"}
    assert deployments["Api"].num_replicas == 2
    assert all(deployment.max_surge_percent == 100 for deployment in deployments.values())
    assert deployments["Events"].max_ongoing_requests > 500  # settings.max_streams must be the cap that is met


def test_serve_yaml_carries_no_settings(serve: Any) -> None:
    (application,) = serve.applications
    assert not application.args
    assert not application.runtime_env


def test_the_cluster_launcher_accepts_the_cluster_file() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own imports warn
        from ray.autoscaler._private.util import prepare_config, validate_config
    config = _load("cluster.yaml")
    validate_config(prepare_config(config))
    head = "\n".join(config["head_start_ray_commands"])
    assert "--num-cpus=0" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "docker" not in config


def test_compose_publishes_loopback_only_and_keeps_the_ledger() -> None:
    compose = _load("compose.yaml")
    rung, postgres = compose["services"]["rung"], compose["services"]["postgres"]
    assert rung["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in postgres
    assert rung["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert postgres["healthcheck"]["test"]
    named = {volume.partition(":")[0] for service in (rung, postgres) for volume in service["volumes"]}
    assert named == set(compose["volumes"])


def test_compose_has_no_default_password() -> None:
    secrets = re.findall(r"\$\{(\w+)(:\?)?", (DEPLOY / "compose.yaml").read_text())
    assert {name for name, _ in secrets} == {"POSTGRES_PASSWORD", "RUNG_TOKEN"}
    assert all(required for _, required in secrets)


def test_compose_sets_only_settings_that_exist() -> None:
    from service.settings import Settings

    env = _load("compose.yaml")["services"]["rung"]["environment"]
    assert Settings.from_env(env).host_names >= {"127.0.0.1"}


def test_the_container_runs_as_a_user_and_installs_what_is_pinned() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    assert words[0] == ["FROM", "python:3.11-slim"]
    users = [line[1] for line in words if line[0] == "USER"]
    assert users == ["rung"]
    assert any("--constraint" in line for line in words)
