"""The page's files and the routes that it reads, without a browser."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from service.api.reading import reading_app
from service.settings import Settings
from service.web import FIGURES


def test_the_page_is_open_and_holds_no_data_and_all_data_is_closed(service, ended):
    for path in ("/ui/", f"/ui/searches/{ended}", "/ui/static/main.js"):
        answer = service.anonymous.get(path)
        assert (path, answer.status_code) == (path, 200)
        assert ended not in answer.text
    for path in ("figures/history", "table", "rungs", "export", "report", "trials/0/verdicts"):
        assert service.anonymous.get(f"/v1/searches/{ended}/{path}").status_code == 401
    assert service.anonymous.get("/v1/cluster").status_code == 401


@pytest.mark.parametrize("path", ["figures/history", "table", "rungs", "export", "report", "trials/0/verdicts"])
def test_another_project_sees_nothing_of_a_search(path, service, ended, key_of):
    assert service.http.get(f"/v1/searches/{ended}/{path}", headers=key_of("other")).status_code == 404


def test_the_cluster_view_names_the_searches_of_ones_own_project_only(service, key_of):
    service.searches.submit("random")
    cluster = service.http.get("/v1/cluster", headers=key_of("other")).json()
    assert (len(cluster["nodes"]), cluster["searches"]) == (1, [])


def test_the_root_leads_to_the_page(service):
    answer = service.anonymous.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


def test_the_policy_of_the_page_allows_no_code_from_text_and_nothing_from_elsewhere(service):
    policy = service.anonymous.get("/ui/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_every_file_that_the_page_names_is_served_and_names_nothing_elsewhere(service):
    waiting, seen = {"/ui/static/main.js"}, set()
    waiting |= set(re.findall(r'"(/ui/static/[^"]+)"', service.anonymous.get("/ui/").text))
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = service.anonymous.get(path)
        assert (path, answer.status_code) == (path, 200)
        if path.endswith(".js") and "plotly" not in path:
            found = re.findall(r'from "\./([^"]+)"', answer.text)
            found += re.findall(r'"/ui/static/([^"]+)"', answer.text)
            waiting |= {f"/ui/static/{name}" for name in found} - seen
            assert "innerHTML" not in answer.text
            assert "https://" not in answer.text
    assert "/ui/static/plotly.js" in seen


@pytest.mark.parametrize("path", ["../templates/shell.html", "..%2f..%2fsettings.py", "nothing.js", ""])
def test_a_path_that_is_no_file_of_the_page_is_not_served(path, service):
    answer = service.anonymous.get(f"/ui/static/{path}")
    assert "Settings" not in answer.text
    assert "{{" not in answer.text


@pytest.mark.parametrize("figure", [name for name in FIGURES if name != "trial"])
def test_every_figure_is_served_as_data_and_layout(figure, service, ended):
    answer = service.http.get(f"/v1/searches/{ended}/figures/{figure}", params={"theme": "dark"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"data", "layout"}


def test_the_catalogue_names_every_figure_and_what_it_shows(service):
    kinds = service.http.get("/v1/figures").json()
    assert [kind["name"] for kind in kinds] == list(FIGURES)
    assert all(kind["description"] for kind in kinds)


def test_the_table_comes_a_page_at_a_time(service, ended):
    first = service.http.get(f"/v1/searches/{ended}/table", params={"sort": "value", "limit": 2}).json()
    second = service.http.get(f"/v1/searches/{ended}/table", params={"sort": "value", "limit": 2, "offset": 2}).json()
    values = [row["value"] for row in first["items"] + second["items"]]
    assert values == sorted(values)
    assert first["total"] == first["matched"] == 5


@pytest.mark.parametrize(
    ("query", "path"),
    [("sort=lrr", "sort"), ("within=lr:a:1", "within"), ("within=lr", "within"), ("within=lrr:0:1", "within")],
)
def test_a_bad_question_to_the_table_is_a_problem_with_the_path(query, path, service, ended):
    answer = service.http.get(f"/v1/searches/{ended}/table?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


def test_rungs_and_verdicts_tell_what_was_decided(service, ended):
    rungs = service.http.get(f"/v1/searches/{ended}/rungs").json()
    assert rungs[0]["reached"] == 5
    verdicts = service.http.get(f"/v1/searches/{ended}/trials/0/verdicts").json()
    assert {verdict["trial"] for verdict in verdicts} == {0}
    assert verdicts[0]["reason"]


def test_the_cluster_view_names_nodes_and_who_holds_them(service):
    search = service.searches.submit("random")
    cluster = service.http.get("/v1/cluster").json()
    assert cluster["nodes"] == [{"cpus": 4.0, "gpus": 0.0}]
    assert [(holder["id"], holder["workers"]) for holder in cluster["searches"]] == [(search, 1)]


def test_files_of_a_search_come_with_their_names(service, ended):
    for path, name in (("export?format=csv", "trials.csv"), ("report", "report.html")):
        answer = service.http.get(f"/v1/searches/{ended}/{path}")
        assert f'filename="{ended}-{name}"' in answer.headers["content-disposition"]


def test_without_a_cluster_everything_can_be_looked_at_and_nothing_changed(searches, ended, tmp_path):
    key = {"Authorization": "Bearer rung_look"}
    app = reading_app(Settings(home=tmp_path, token="rung_look"))
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=key) as http:
        assert http.get(f"/v1/searches/{ended}").json()["state"] == "completed"
        assert http.get("/v1/cluster").json() == {"nodes": [], "searches": []}
        for path in ("/v1/searches", f"/v1/searches/{ended}/cancel", "/v1/keys"):
            answer = http.post(path, json={})
            assert (path, answer.status_code) == (path, 503)
            assert "rung up" in answer.json()["detail"]
        assert http.post("/v1/session").status_code == 201
