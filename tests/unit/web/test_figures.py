"""Figures as data: what every one of them owes its reader, and what each shows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from service.errors import InvalidInput
from service.web import FIGURES, Source, draw
from service.web.figures import Options
from service.web.figures.figure import CATEGORIES, STATES, spread
from service.web.figures.rungs import rung_table

OF_THE_SEARCH = [name for name in FIGURES if name != "trial"]
OPTIONS = Options(trial=0)


def dressed(name, source, **options):
    return draw(name, source, replace(OPTIONS, **options)).dressed("light")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_one_that_plotly_knows_and_is_strict_json(name, ended):
    figure = dressed(name, ended)
    go.Figure(figure)  # raises for a property that it does not know
    json.dumps(figure, allow_nan=False)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_title_labelled_axes_and_says_how_many_points_it_shows_of_how_many(name, ended):
    figure = draw(name, ended, OPTIONS)
    assert figure.title
    assert re.search(r"all [\d,]+ |[\d,]+ of [\d,]+ ", figure.note), figure.note
    assert 0 < figure.shown <= figure.of
    axes = [axis for key, axis in figure.layout.items() if key.startswith(("xaxis", "yaxis"))]
    assert axes
    assert all("title" in axis or axis.get("visible") is False for axis in axes)


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_needs_webgl_which_the_security_policy_of_the_page_forbids(name, ended):
    kinds = {trace["type"] for trace in dressed(name, ended)["data"]}
    assert kinds <= {"scatter", "bar", "contour"}


@pytest.mark.parametrize("name", OF_THE_SEARCH)
def test_a_search_without_a_value_has_figures_that_say_why_they_are_empty(name, fresh):
    figure = dressed(name, fresh)
    go.Figure(figure)
    assert figure["layout"]["annotations"][0]["text"].endswith(".")
    assert figure["layout"]["meta"] == {"shown": 0, "of": 0}


def test_there_are_at_most_ten_colours_for_categories_and_no_state_is_told_by_its_colour_alone():
    assert len(set(CATEGORIES)) == len(CATEGORIES) <= 10
    assert len({marker for _, marker, _ in STATES.values()}) == len(STATES)


def test_the_dark_theme_changes_colours_and_nothing_else(ended):
    light, dark = (draw("history", ended, OPTIONS).dressed(theme) for theme in ("light", "dark"))
    assert light["layout"]["paper_bgcolor"] != dark["layout"]["paper_bgcolor"]
    assert light["data"] == dark["data"]


def test_a_parameter_that_is_logarithmic_has_a_logarithmic_axis_and_choices_keep_their_order(ended):
    layout = dressed("slice", ended, parameters=("lr", "optimizer"))["layout"]
    assert (layout["xaxis"]["type"], layout["xaxis"]["title"]["text"]) == ("log", "lr")
    assert layout["xaxis2"]["categoryarray"] == ["sgd", "adam"]


def test_the_history_ends_at_the_best_value_and_never_gets_worse(ended):
    line = dressed("history", ended)["data"][1]["y"]
    assert line == sorted(line, reverse=True)
    assert line[-1] == ended.valued[0].value


def test_the_history_counts_every_epoch_that_was_trained(ended):
    spent = dressed("history", ended)["data"][1]["x"]
    assert spent[-1] <= sum(trial.epoch for trial in ended.trials)
    assert spent == sorted(spent)


def test_a_history_of_very_many_reports_is_read_trial_by_trial_and_ends_at_the_same_value(ended, monkeypatch):
    exact = dressed("history", ended, x="time")
    monkeypatch.setattr("service.web.source.EXACT_UP_TO", 0)
    coarse = draw("history", Source(ended._ledger, ended.search), OPTIONS)
    assert coarse.traces[1]["y"][-1] == exact["data"][1]["y"][-1]
    assert "too many reports" in coarse.note


def test_the_curves_show_where_trials_were_stopped_and_where_the_rungs_are(ended):
    figure = dressed("curves", ended)
    names = {trace["name"] for trace in figure["data"]}
    assert "stopped" in names
    assert any(name.startswith("best: trial") for name in names)
    assert [line["x0"] for line in figure["layout"]["shapes"]] == [1, 3, 9]


def test_the_rung_table_counts_each_trial_once_at_each_rung(ended):
    table = rung_table(ended.verdicts)
    assert [rung.epoch for rung in table] == [1, 3, 9]
    assert table[0].reached == len(ended.trials)
    for rung, following in pairwise(table):
        assert rung.reached == rung.went_on + rung.stopped + rung.waiting
        assert following.reached == rung.went_on


def test_parallel_coordinates_draw_each_trial_through_all_axes_within_zero_and_one(ended):
    figure = dressed("parallel", ended)
    axes = figure["layout"]["meta"]["axes"]
    assert axes == ["lr", "hidden", "optimizer", "momentum", "value"]
    points = [y for trace in figure["data"] for y in trace["y"] if y is not None]
    assert all(0 <= y <= 1 for y in points)
    drawn = {who[0] for trace in figure["data"] for who in trace["customdata"] if who}
    assert drawn == {trial.number for trial in ended.valued}


def test_importance_says_how_much_its_forest_explains(ended):
    figure = draw("importance", ended, OPTIONS)
    assert re.search(r"explains \d+% of the variance", figure.note)
    assert sorted(figure.traces[0]["y"]) == ["hidden", "lr", "momentum", "optimizer"]


def test_the_trial_figure_has_a_facet_for_each_metric(ended):
    figure = dressed("trial", ended, trial=3)
    assert figure["layout"]["title"]["text"] == "Trial 3"
    assert figure["layout"]["yaxis"]["title"]["text"] == "loss"


def test_a_figure_or_parameter_that_there_is_not_is_refused_with_what_there_is(ended):
    with pytest.raises(InvalidInput, match="history"):
        draw("pie", ended, OPTIONS)
    with pytest.raises(InvalidInput, match="momentum"):
        draw("slice", ended, replace(OPTIONS, parameters=("lrr",)))


def test_what_is_spread_over_many_keeps_the_first_and_the_order():
    assert spread(range(10), 20) == list(range(10))
    assert spread(range(1000), 4) == [0, 250, 500, 750]
