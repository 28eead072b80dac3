"""The table of trials, and the files that are made of a search."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from service.errors import InvalidInput
from service.web import Source
from service.web.export import trials_file
from service.web.report import html_report
from service.web.table import Query, rows_of


def test_trials_without_a_value_come_last_whichever_way_it_is_sorted(ended):
    for descending in (False, True):
        rows = rows_of(ended, Query(within={}, sort="momentum", descending=descending))
        values = [row.config.get("momentum") for row in rows]
        having = [value for value in values if value is not None]
        assert having == sorted(having, reverse=descending)
        assert values[len(having) :] == [None] * (len(values) - len(having))


def test_states_and_stretches_of_axes_choose_trials(ended):
    rows = rows_of(ended, Query(within={"optimizer": (0, 0.5), "value": (0, 0.5)}, states=frozenset({"stopped"})))
    assert rows
    assert all(row.state == "stopped" and row.config["optimizer"] == "sgd" for row in rows)
    best, worst = ended.valued[0].value, ended.valued[-1].value
    assert all(row.value <= (best + worst) / 2 for row in rows)


@pytest.mark.parametrize("query", [Query(within={"lrr": (0, 1)}), Query(within={}, sort="lrr")])
def test_a_name_that_is_no_column_is_refused(query, ended):
    with pytest.raises(InvalidInput, match="momentum"):
        rows_of(ended, query)


def test_every_format_of_an_export_holds_the_same_trials(ended):
    csv = pd.read_csv(io.BytesIO(trials_file(ended, "csv")[0]))
    parquet = pd.read_parquet(io.BytesIO(trials_file(ended, "parquet")[0]))
    rows = json.loads(trials_file(ended, "json")[0])
    assert list(csv["value"]) == list(parquet["value"]) == [row["value"] for row in rows]
    assert list(csv["config.lr"]) == [trial.config["lr"] for trial in ended.trials]


def test_the_report_asks_for_nothing_and_holds_every_figure(ended):
    report = html_report(ended, "light")
    for name in ("history", "curves", "parallel", "timeline"):
        assert f'id="{name}"' in report
    own = report.replace(report[report.index("<script>") : report.index("</script>")], "")  # plotly.js names its home
    assert "http://" not in own
    assert "https://" not in own


def test_what_a_person_wrote_into_a_spec_stays_text_in_the_report(searches):
    evil = "</script><script>alert(1)</script>"
    search = searches.submit("random", tags={"note": evil})
    report = html_report(Source(searches.ledger, searches.ledger.search(search)), "light")
    assert evil not in report
