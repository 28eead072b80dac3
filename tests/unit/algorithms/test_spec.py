"""The algorithm section of a spec: what is read, what is refused, and where the fault is said to be."""

import math

import pytest

from search_spaces import Space
from service.algorithms import AlgorithmError, AlgorithmErrors, AlgorithmSpec, Objective, Study, catalog
from service.algorithms.catalog import PRESETS, SAMPLERS, SCHEDULERS
from service.schemas import SearchSpec
from tests.unit.algorithms.simulator import FINITE, SPACE


def faults(raw, path="algorithm"):
    with pytest.raises(AlgorithmErrors) as caught:
        AlgorithmSpec.parse(raw, path)
    return {error.path: error.message for error in caught.value.errors}


def refusal(raw, space, max_epochs=9):
    with pytest.raises(AlgorithmError) as caught:
        AlgorithmSpec.parse(raw).accepts(space, max_epochs)
    return caught.value


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_back_what_it_writes(name):
    spec = AlgorithmSpec.parse({"name": name})
    assert AlgorithmSpec.parse(spec.to_dict()) == spec


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_any_sampler_goes_with_any_scheduler(sampler, scheduler):
    spec = AlgorithmSpec.parse({"sampler": {"name": sampler}, "scheduler": {"name": scheduler}})
    assert AlgorithmSpec.parse(spec.to_dict()) == spec
    assert spec.preset is None


def test_a_preset_is_its_two_parts():
    preset = AlgorithmSpec.parse({"name": "asha", "reduction_factor": 4})
    parts = AlgorithmSpec.parse({"scheduler": {"name": "asha", "reduction_factor": 4}})
    assert (preset.sampler, preset.scheduler) == (parts.sampler, parts.scheduler)


def test_all_faults_are_told_at_once_with_their_paths():
    found = faults({"name": "bohb", "reduction_facto": 3, "min_epochs": 0, "random_fraction": 1.5})
    assert set(found) == {"algorithm.reduction_facto", "algorithm.min_epochs", "algorithm.random_fraction"}
    assert "did you mean 'reduction_factor'?" in found["algorithm.reduction_facto"]
    assert found["algorithm.min_epochs"].startswith("got 0, must be a whole number from 1 to")


def test_an_unknown_preset_is_told_the_nearest_one():
    assert "did you mean 'hyperband'?" in faults({"name": "hyperbnd"})["algorithm.name"]


def test_an_unknown_part_is_told_under_its_own_path():
    found = faults({"sampler": {"name": "tpee"}, "scheduler": {"name": "asha", "eta": 3}}, "branch.algorithm")
    assert set(found) == {"branch.algorithm.sampler.name", "branch.algorithm.scheduler.eta"}


@pytest.mark.parametrize("raw", ["asha", None, {}, {"smapler": {"name": "random"}}, {"sampler": "random"}])
def test_a_section_of_another_shape_is_refused(raw):
    assert faults(raw)


@pytest.mark.parametrize("value", [True, 2.5, "3", None, 1, 17, math.nan])
def test_the_reduction_factor_is_a_whole_number_in_its_bounds(value):
    assert set(faults({"name": "asha", "reduction_factor": value})) == {"algorithm.reduction_factor"}


@pytest.mark.parametrize("value", [True, "0.5", None, math.nan, math.inf])
def test_a_fraction_is_a_finite_number(value):
    assert set(faults({"name": "bohb", "random_fraction": value})) == {"algorithm.random_fraction"}


def test_options_of_the_two_parts_of_a_preset_never_share_a_name():
    for preset in PRESETS.values():
        options = [o.name for o in (*SAMPLERS[preset.sampler].options, *SCHEDULERS[preset.scheduler].options)]
        assert len(options) == len(set(options))


def test_the_default_of_every_option_is_allowed():
    rows = [*SAMPLERS.values(), *SCHEDULERS.values()]
    options = [option for row in rows for option in row.options]
    assert options
    assert [option.read(option.default, "x") for option in options] == [option.default for option in options]


def test_the_catalog_describes_every_preset_and_option():
    rows = catalog()
    names = ["mobster", "grid", "random", "asha", "hyperband", "bohb", "tpe", "pbt", "median"]
    assert [row["name"] for row in rows] == names  # the default first
    assert all(row["description"] and all(option["description"] for option in row["options"]) for row in rows)


def test_a_grid_over_a_continuous_parameter_is_refused_with_its_name_and_a_way_out():
    error = refusal({"name": "grid"}, SPACE)
    assert "lr" in error.message
    assert "'random'" in error.message


def test_a_grid_beyond_all_reason_is_refused_at_once():
    digits = {f"p{i}": {"type": "int", "low": 0, "high": 9} for i in range(40)}
    assert "got a grid of 1" in refusal({"name": "grid"}, Space.parse(digits)).message


@pytest.mark.parametrize("name", ["bohb", "tpe"])
def test_a_model_of_nothing_is_refused(name):
    constant = Space.parse({"version": {"type": "constant", "value": 7}})
    assert "use random" in refusal({"name": name}, constant).message


def test_a_first_rung_beyond_the_last_epoch_is_refused_where_it_was_written():
    assert refusal({"name": "asha", "min_epochs": 10}, SPACE).path == "algorithm.min_epochs"
    parts = {"scheduler": {"name": "asha", "min_epochs": 10}}
    assert refusal(parts, SPACE).path == "algorithm.scheduler.min_epochs"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_accepts_a_finite_space(name):
    AlgorithmSpec.parse({"name": name}).accepts(FINITE, 9)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"name": "pbt", "interval": 9}, "algorithm.interval"),
        ({"name": "median", "grace_epochs": 10}, "algorithm.grace_epochs"),
        ({"scheduler": {"name": "asha_promotion", "min_epochs": 10}}, "algorithm.scheduler.min_epochs"),
    ],
)
def test_epochs_that_no_trial_has_are_refused_where_they_were_written(raw, path):
    error = refusal(raw, SPACE)
    assert error.path == path
    assert "raise budget.epochs" in error.message


def test_members_of_a_single_epoch_never_meet():
    assert refusal({"name": "pbt"}, SPACE, max_epochs=1).path == "algorithm.interval"


def test_clones_would_leave_the_grid():
    error = refusal({"sampler": {"name": "grid"}, "scheduler": {"name": "pbt"}}, FINITE)
    assert error.path == "algorithm.scheduler"
    assert "use the scheduler 'none' or 'asha', or the sampler 'random'" in error.message


def test_clones_of_the_only_configuration_are_refused():
    assert "use random" in refusal({"name": "pbt"}, Space.parse({})).message


def test_a_parameter_to_keep_that_the_space_has_not_is_told_the_nearest_one():
    assert AlgorithmSpec.parse({"name": "pbt", "keep": ["width"]}).accepts(SPACE, 9) is None
    error = refusal({"name": "pbt", "keep": ["widht"]}, SPACE)
    assert (error.path, "did you mean 'width'?" in error.message) == ("algorithm.keep", True)


def test_clones_keep_what_gives_the_weights_their_shape_besides_what_the_spec_says():
    pbt = AlgorithmSpec.parse({"name": "pbt", "keep": ["lr"]}).keeping(["width", "not_in_the_space"], SPACE)
    assert pbt.to_dict()["keep"] == ("lr", "width")
    assert AlgorithmSpec.parse(pbt.to_dict()) == pbt
    asha = AlgorithmSpec.parse({"name": "asha"})
    assert asha.keeping(["width"], SPACE) is asha


@pytest.mark.parametrize("value", ["width", [1], None, {"width": 1}])
def test_parameters_to_keep_are_a_list_of_names(value):
    assert set(faults({"name": "pbt", "keep": value})) == {"algorithm.keep"}


def test_a_grid_has_as_many_trials_as_points_or_fewer_if_asked():
    grid, random = AlgorithmSpec.parse({"name": "grid"}), AlgorithmSpec.parse({"name": "random"})
    assert [grid.num_trials(FINITE, asked, 64) for asked in (None, 5, 500)] == [12, 5, 12]
    assert [random.num_trials(FINITE, asked, 64) for asked in (None, 5, 500)] == [64, 5, 500]


def test_a_spec_without_an_algorithm_gets_a_preset_that_every_space_can_have():
    default = AlgorithmSpec.parse(SearchSpec(trainable="digits_mlp").algorithm)
    assert default.preset == "mobster"
    default.accepts(Space.parse({"version": {"type": "constant", "value": 7}}), 9)
    study = Study(
        space=Space.parse({"version": {"type": "constant", "value": 7}}),
        algorithm=default,
        objective=Objective(metric="loss"),
        max_trials=2,
        max_epochs=1,
        seed=0,
    )
    assert [study.next().config for _ in range(2)] == [{"version": 7}] * 2
