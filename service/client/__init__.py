"""The Python client: searches as objects, over plain HTTP. It imports neither Ray nor torch; pandas only for tables.

    from service.client import Client

    search = Client().submit("examples/digits_asha.yaml")
    search.wait()
    search.download_best("best")

Addresses and the token default to the settings (`RUNG_URL`, `RUNG_TOKEN`). The answers are `service.schemas`' views.
"""

from service.client.client import Client
from service.client.download import BrokenDownload
from service.client.errors import ApiError, ClientError, Unreachable
from service.client.search import Search
from service.client.tune import space_from_tune

__all__ = ["ApiError", "BrokenDownload", "Client", "ClientError", "Search", "Unreachable", "space_from_tune"]
