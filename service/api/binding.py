"""Makes a Serve replica listen on its node's own address only: an override of Ray 2.60, one more reason for its pin.

Every replica opens a gRPC server for calls between deployments on all interfaces (`[::]:0`), without authentication,
whatever address the cluster was told to use. `tests/acceptance/test_service.py` looks at every socket of a running
service; `tests/guards/test_serve_binding.py` fails when Ray no longer needs this.
"""

from __future__ import annotations

from typing import Any

from ray.serve._private import replica
from ray.util import get_node_ip_address

ALL_INTERFACES = "[::]:0"
"""Where stock Serve binds."""


def bind_to_own_address() -> None:
    """To be called in the constructor of every deployment: its process opens that server right afterwards."""
    stock = replica.add_port_to_grpc_server

    def bound(server: Any, address: str) -> int:
        own = f"{get_node_ip_address()}:0"
        return int(stock(server, own if address == ALL_INTERFACES else address))

    replica.add_port_to_grpc_server = bound
