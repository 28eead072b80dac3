"""Reserved parameters are read once, and refused by name with what they got, what they must be and the way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.assignments import an_assignment
from trainables.gang.rank import Rank
from trainables.training.settings import RESERVED, TrainingSettings, fault

COUNTS = ("batch_size", "micro_batch_size", "prefetch_factor")
FLAGS = ("compile", "drop_last", "persistent_workers", "pin_memory")
NOT_A_NUMBER = st.one_of(st.text(), st.booleans(), st.lists(st.integers()), st.just(float("nan")))


def refused(name, value):
    with pytest.raises(ValueError, match=rf"^config\.{name}: got .*, must be .*; correct the space$") as caught:
        TrainingSettings.parse({name: value})
    assert repr(value) in str(caught.value)


def test_a_configuration_without_reserved_parameters_has_the_defaults():
    assert TrainingSettings.parse({"lr": 0.1}) == TrainingSettings()


@given(st.sampled_from(COUNTS), st.integers(min_value=1))
def test_counts_are_taken_as_they_are(name, value):
    assert getattr(TrainingSettings.parse({name: value}), name) == value


@given(st.sampled_from(COUNTS), st.one_of(NOT_A_NUMBER, st.integers(max_value=0), st.floats()))
def test_a_count_that_is_none_is_refused(name, value):
    refused(name, value)


@given(st.sampled_from(("clip_norm", "loader_timeout")), st.one_of(NOT_A_NUMBER, st.floats(max_value=-1e-9)))
def test_a_measure_that_is_none_is_refused(name, value):
    refused(name, value)


@given(st.sampled_from(FLAGS), st.one_of(st.text(), st.integers(), st.none()))
def test_a_flag_that_is_none_is_refused(name, value):
    refused(name, value)


@given(st.one_of(st.text(), st.integers(), st.none()).filter(lambda value: value not in ("fp32", "tf32", "bf16")))
def test_a_precision_that_is_none_is_refused(value):
    if value != "fp16":
        refused("precision", value)


@pytest.mark.parametrize("name", RESERVED)
def test_each_reserved_parameter_may_be_given_its_default(name):
    default = getattr(TrainingSettings(), name)
    assert fault(name, default) is None
    assert TrainingSettings.parse({name: default}) == TrainingSettings()


def test_what_cannot_be_is_a_failure_of_the_setup(tmp_path):
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(an_assignment(tmp_path, {"precision": "fp8"}))
    must = "config.precision: got 'fp8', must be one of fp32, tf32, bf16, fp16; correct the space"
    assert (failure.kind, must in failure.message) == ("setup", True)
