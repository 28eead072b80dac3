"""`python -m service.api`: puts the service on the Ray cluster of `RAY_ADDRESS`, and waits until it answers."""

from __future__ import annotations

import os

import ray
from ray import serve
from ray.serve.config import HTTPOptions, ProxyLocation

from service.api.app import build
from service.coordinator import nodes
from service.errors import ConfigurationError
from service.settings import NAMESPACE, Settings

APPLICATION = "rung"
"""Name of the Serve application."""


def main() -> None:
    """Starts Serve where it is not running, and deploys; an application that is there already is replaced."""
    settings = Settings.from_env()
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), namespace=NAMESPACE, log_to_driver=False)
    if settings.ledger_url.startswith("sqlite") and len(nodes()) > 1:
        raise ConfigurationError(
            f"RUNG_LEDGER: got SQLite on a cluster of {len(nodes())} nodes, must be one that every node reaches; "
            "set postgresql+psycopg://..., or use one node"
        )
    http = HTTPOptions(
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
    )
    serve.start(proxy_location=ProxyLocation.HeadOnly, http_options=http)
    serve.run(build(), name=APPLICATION, route_prefix="/")


if __name__ == "__main__":
    main()
