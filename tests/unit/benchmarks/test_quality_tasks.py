"""The judge's tasks: tables are returned as they are, costs are positive, and spaces are ones that we read."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.data import DataMissing, data_dir, data_file
from benchmarks.quality.references import references
from benchmarks.quality.tasks import KINDS, judged, open_task
from benchmarks.quality.tasks.task import epoch_seconds, evenly
from search_spaces import Space

needs_data = pytest.mark.skipif(not data_dir().is_dir(), reason="the benchmark data is not on this machine")


def one_of(kind):
    if kind in ("lcbench", "xgboost"):
        pytest.importorskip("onnxruntime", reason="the surrogates need onnxruntime")
    return open_task(next(name for name in judged() if name.startswith(kind)))


def test_instances_are_chosen_at_even_distances():
    assert evenly(list("abcdefgh"), 3) == ["b", "e", "g"]
    assert evenly(list("abc"), 3) == list("abc")


def test_an_epoch_costs_the_difference_of_times_and_never_nothing():
    assert epoch_seconds(np.array([1.0, 3.0, 3.0, 6.0])) == pytest.approx([1.0, 2.0, 0.015, 3.0])
    assert (epoch_seconds(np.array([2.0, 1.0, -3.0])) > 0).all()


def test_missing_data_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_DATA_DIR", str(tmp_path))
    with pytest.raises(DataMissing, match="set RUNG_DATA_DIR"):
        data_file("taskset", "none.npz")


@needs_data
def test_there_are_at_least_sixteen_tasks_and_each_has_its_reference():
    names = judged()
    assert len(names) == len(set(names)) >= 16
    assert set(names) <= set(references())
    assert {kind: sum(name.startswith(kind) for name in names) for kind in KINDS} == {
        "lcbench": 6,
        "taskset": 4,
        "xgboost": 3,
        "tabular": 3,
    }


@needs_data
def test_an_unknown_task_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="lcbench, taskset, xgboost, tabular"):
        open_task("mnist")
    with pytest.raises(ValueError, match="tabular- and one of australian"):
        open_task("tabular-mnist")


@needs_data
def test_taskset_returns_the_tables_own_curve_at_a_table_point():
    task = one_of("taskset")
    for number, (point, own) in enumerate(zip(task.points, task.table(), strict=True)):
        if number % 50 == 0:
            config = dict(zip(task.space, point.tolist(), strict=True))
            assert np.array_equal(task.curve(config).values, own.values, equal_nan=True)


@needs_data
def test_the_tables_points_fill_the_space_they_are_looked_up_in():
    task = one_of("taskset")
    bounds = np.array([(entry["low"], entry["high"]) for entry in task.space.values()])
    units = np.log(task.points / bounds[:, 0]) / np.log(bounds[:, 1] / bounds[:, 0])
    assert units.min(axis=0) == pytest.approx(0.0, abs=0.01)
    assert units.max(axis=0) == pytest.approx(1.0, abs=0.01)
    assert units.min() >= 0
    assert units.max() <= 1


@needs_data
def test_a_diverged_epoch_has_no_value():
    task = open_task("taskset-patch32_IRNN64_relu_last_bs128")
    row = next(n for n, curve in enumerate(task.table()) if not np.isfinite(curve.values[-1]))
    config = dict(zip(task.space, task.points[row].tolist(), strict=True))
    assert task.session().step(config, task.max_epochs).value is None


@needs_data
def test_the_best_of_a_table_is_the_reference_of_its_task():
    task = one_of("tabular")
    assert task.table.max() == references()[task.name].best_known


@needs_data
@pytest.mark.parametrize("kind", KINDS)
def test_every_configuration_of_a_space_has_a_whole_curve(kind):
    task = one_of(kind)
    space = Space.parse(task.space)
    configs = [space.sample(seed) for seed in range(20)]
    for config, curve in zip(configs, task.curves(configs), strict=True):
        assert curve.values.shape == curve.seconds.shape == (task.max_epochs,)
        assert (curve.seconds > 0).all()
        assert curve.values == pytest.approx(task.curve(config).values, rel=1e-5, nan_ok=True)


@needs_data
def test_xgboost_ignores_no_parameter_that_is_active():
    task = one_of("xgboost")
    config = Space.parse(task.space).sample(0) | {"booster": "gbtree", "max_depth": 2, "eta": 0.1}
    for name in ("gamma", "min_child_weight", "colsample_bytree", "colsample_bylevel"):
        config[name] = task.space[name]["high"]
    config = {name: value for name, value in config.items() if name not in ("rate_drop", "skip_drop")}
    deeper = config | {"max_depth": 12}
    assert not np.array_equal(task.curve(config).values, task.curve(deeper).values)
