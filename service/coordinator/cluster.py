"""The little that the coordinator asks of Ray: what nodes there are, which runners live, start one, end one."""

from __future__ import annotations

from typing import Protocol

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors

from service.coordinator.allowance import Node
from service.errors import ClusterUnavailable
from service.models import Lease
from service.runner import SearchRunner, runner_name
from service.settings import NAMESPACE

_PREFIX = runner_name("")


class Cluster(Protocol):
    """What `Tick` needs; the tests have one without Ray."""

    def nodes(self) -> list[Node]:
        """The living nodes with all that they have."""
        ...

    def runners(self) -> set[str]:
        """Ids of the searches whose runner has a living process."""
        ...

    def start_runner(self, search: str, lease: Lease) -> None:
        """Starts the search's runner; its name must be free."""
        ...

    def end_runner(self, search: str) -> None:
        """Kills the search's runner; its gangs go with it."""
        ...


class RayCluster:
    """The Ray cluster that this process is part of."""

    def nodes(self) -> list[Node]:
        """The living nodes with all that they have."""
        return nodes()

    def runners(self) -> set[str]:
        """Ids of the searches whose runner is a living actor."""
        named = list_named_actors(all_namespaces=True)
        ours = (actor["name"] for actor in named if actor["namespace"] == NAMESPACE)
        return {name.removeprefix(_PREFIX) for name in ours if name.startswith(_PREFIX) and "/" not in name}

    def start_runner(self, search: str, lease: Lease) -> None:
        """Starts a detached actor that Ray never restarts by itself: only a new lease makes a new runner."""
        options = {
            "name": runner_name(search),
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "num_cpus": 0,
            "max_restarts": 0,
            "max_concurrency": 4,
        }
        ray.remote(SearchRunner).options(**options).remote(search, lease)

    def end_runner(self, search: str) -> None:
        """Kills the actor if it still lives."""
        try:
            actor = ray.get_actor(runner_name(search), namespace=NAMESPACE)
        except ValueError:
            return
        ray.kill(actor)


def nodes() -> list[Node]:
    """The living nodes of the Ray cluster with all that they have.

    Raises:
        ClusterUnavailable: Ray does not answer.
    """
    try:
        found = ray.nodes()
    except RayError as error:
        detail = f"cluster: got no answer ({type(error).__name__}), must tell its nodes; try again"
        raise ClusterUnavailable(detail) from error
    return [
        Node(cpus=node["Resources"].get("CPU", 0.0), gpus=node["Resources"].get("GPU", 0.0))
        for node in found
        if node["Alive"]
    ]
