"""Holes that other services had, one test each: Ray, MLflow, BentoML, ClearML, NNI, PyTorch, Determined."""

from __future__ import annotations

import ast
import io
import json
import pickle
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from service.errors import ConfigurationError
from service.schemas import SearchSpec
from service.settings import Settings
from tests.unit.api.test_bad_input import GOOD, assert_nothing_stored, assert_problem

ROOT = Path(__file__).parents[2]
SERVED = [path for folder in ("service", "search_spaces") for path in (ROOT / folder).rglob("*.py")]
SOURCES = [*SERVED, *(ROOT / "trainables").rglob("*.py")]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND")


def calls(paths):
    """Every call in these sources: where, the dotted name, and its node."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func), node


def test_ray_cve_2023_48022_there_is_no_route_that_takes_code(service):
    assert_problem(service.http.post("/v1/searches", json=GOOD | {"trainable": "os:system"}), 422)
    assert_problem(service.http.post("/v1/searches", json=GOOD | {"trainable_path": "os:system"}), 422)
    assert not any("job" in path for path in service.app.openapi()["paths"])


def test_ray_cve_2023_48023_and_owasp_api7_the_api_fetches_no_address(service):
    for route, _, _ in ((p, m, o) for p, ms in service.app.openapi()["paths"].items() for m, o in ms.items()):
        assert "proxy" not in route
    fetching = {"urlopen", "requests.get", "httpx.get", "httpx2.get", "urllib.request.urlopen"}
    api = [path for path in SERVED if "/client/" not in str(path) and "/cli/" not in str(path)]
    assert [where for where, name, _ in calls(api) if name in fetching] == []


def test_ray_cve_2023_6019_and_mlflow_cve_2025_15379_no_command_goes_through_a_shell():
    for where, name, node in calls(SOURCES):
        assert name not in ("os.system", "os.popen", "subprocess.getoutput"), where
        assert not any(keyword.arg == "shell" for keyword in node.keywords), where


PATHS = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/token",
    "....//....//token",
    "/etc/passwd",
    "file:///etc/passwd",
    "manifest.json?../../token",
    "manifest.json#../../token",
    "manifest.json/../../token",
    "..\\..\\token",
    "manifest.json%00.txt",
    "http://127.0.0.1/#../../token",
)
"""Ways into a file that was not meant, as seven fixes of MLflow let through one after the other."""


def test_ray_cve_2023_6020_and_mlflow_s_seven_traversals_a_name_is_never_a_path(service, ended):
    for path in PATHS:
        for answer in (
            service.http.get(f"/v1/searches/{ended}/best/checkpoint", params={"file": path}),
            service.http.get(f"/v1/searches/{ended}/best/checkpoint?file={path}"),
            service.http.get(f"/v1/searches/{path}/best/checkpoint"),
            service.http.get(f"/v1/searches/{path}"),
        ):
            assert answer.status_code in (404, 422), path
            assert "root:" not in answer.text


def test_mlflow_cve_2023_6831_no_name_of_a_search_key_or_project_can_be_a_path(service):
    for path in PATHS:
        assert_problem(service.http.post("/v1/searches", json=GOOD | {"name": path}), 422)
        assert_problem(service.http.post("/v1/projects", json={"name": path}), 422)
        assert_problem(service.http.post("/v1/keys", json={"name": path, "scopes": ["admin"]}), 422)
    assert_nothing_stored(service)


def test_ray_ghsa_gx77_secure_by_default():
    settings = Settings()
    assert settings.host == "127.0.0.1"
    with pytest.raises(ConfigurationError, match="must come with RUNG_TLS_CERT"):
        Settings(host="0.0.0.0")  # noqa: S104 - refused


@pytest.mark.parametrize("method", METHODS)
def test_ray_cve_2025_62593_and_2026_27482_rebinding_is_stopped_whatever_the_method(method, service):
    for headers in ({"Host": "rebound.example"}, {"Origin": "http://rebound.example"}, {"Origin": "null"}):
        for agent in ("Mozilla/5.0", "curl", ""):
            answer = service.http.request(method, "/v1/searches", headers=headers | {"User-Agent": agent})
            assert answer.status_code == 403


def test_ray_cve_2026_41486_and_57516_the_service_reads_no_parquet_and_unpickles_nothing():
    names = {"pickle.load", "pickle.loads", "cloudpickle.loads", "joblib.load", "marshal.loads", "eval", "exec"}
    assert [where for where, name, _ in calls(SERVED) if name in names or "read_parquet" in name] == []


def test_mlflow_cve_2026_2652_the_guard_is_the_outermost_layer(service):
    """Mounts, routes added later and what is no HTTP at all meet it first."""

    async def mounted(scope, receive, send):
        raise AssertionError("nobody without a key gets here")

    service.app.mount("/static", mounted)
    service.app.add_api_websocket_route("/socket", mounted)
    assert service.anonymous.get("/static/x").status_code == 401
    with pytest.raises(ValueError, match="must be http"), service.anonymous.websocket_connect("/socket"):
        pass


MARKUP = "<script>alert(1)</script>"


def test_mlflow_cve_2024_27132_stored_text_is_never_markup(service):
    made = service.http.post("/v1/searches", json=GOOD | {"tags": {"team": MARKUP}}).json()
    for path in (f"/v1/searches/{made['id']}", f"/v1/searches?name={MARKUP}", f"/v1/{MARKUP}"):
        answer = service.http.get(path)
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def test_bentoml_cve_2025_27520_a_pickled_body_is_not_read(service):
    for kind in ("application/vnd.bentoml+pickle", "application/octet-stream", "application/x-pickle", ""):
        answer = service.http.post("/v1/searches", content=pickle.dumps(_Bomb()), headers={"Content-Type": kind})
        assert_problem(answer, 415)
    answer = service.http.post(
        "/v1/searches", content=pickle.dumps(_Bomb()), headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 400)


def test_clearml_cve_2024_24590_to_24595_downloads_are_attachments_behind_the_key(service, ended):
    assert service.anonymous.get(f"/v1/searches/{ended}/best/checkpoint").status_code == 401
    for route in ("/v1/keys", "/v1/searches"):  # a form of a foreign page can be sent without asking, and is not read
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            sent = service.http.post(route, content=json.dumps(GOOD), headers={"Content-Type": kind})
            assert sent.status_code in (415, 422)


def test_clearml_cve_2025_8917_the_client_unpacks_no_links(tmp_path):
    from service.client import download

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    source = Path(download.__file__).read_text()
    assert "extractall" not in source or 'filter="data"' in source
    assert not re.search(r"\.extract\(", source)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!python/tuple []"]
)
def test_nni_cve_2020_1747_yaml_makes_no_objects(tag, service):
    body = yaml.safe_dump(GOOD) + f"seed: {tag}\n"
    assert_problem(service.http.post("/v1/searches", content=body, headers={"Content-Type": "application/yaml"}), 400)


def test_pytorch_cve_2025_32434_tensors_load_as_weights_only():
    for where, name, node in calls(SOURCES):
        if name.endswith("torch.load"):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert given.get("weights_only") == "True", where


def test_determined_there_is_no_default_password(service):
    assert Settings().token == ""
    for guess in ("admin", "password", "rung", "determined", "token", "None", ""):
        answer = service.anonymous.get("/v1/searches", headers={"Authorization": f"Bearer {guess}"})
        assert_problem(answer, 401)


def test_nothing_that_the_service_keeps_for_itself_can_be_set_by_a_spec(service):
    """OWASP API3: states, owners and epochs are the ledger's."""
    for field in ("id", "state", "project", "owner", "intent", "allowance", "last_seq", "created_at", "trainable_path"):
        assert field not in SearchSpec.model_fields
        assert_problem(service.http.post("/v1/searches", json=GOOD | {field: "x"}), 422)
