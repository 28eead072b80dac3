"""Ray Serve's replicas still listen on all interfaces; when they stop, `service/api/binding.py` can go."""

from __future__ import annotations

import inspect

from ray.serve._private import replica

from service.api import binding


def test_stock_serve_still_binds_its_replicas_to_all_interfaces():
    assert f'add_port_to_grpc_server(self._server, "{binding.ALL_INTERFACES}")' in inspect.getsource(replica)


def test_a_replica_binds_to_the_address_of_its_node(monkeypatch):
    bound = []
    monkeypatch.setattr(replica, "add_port_to_grpc_server", lambda _server, address: bound.append(address) or 1)
    monkeypatch.setattr(binding, "get_node_ip_address", lambda: "127.0.0.1")
    binding.bind_to_own_address()
    replica.add_port_to_grpc_server(None, "[::]:0")
    replica.add_port_to_grpc_server(None, "10.0.0.1:9000")
    assert bound == ["127.0.0.1:0", "10.0.0.1:9000"]
