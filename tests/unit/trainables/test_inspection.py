"""Programs that look at a trainable: layers in the order of the call, and steps that fit or do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from tests.support.shortage import Shortage
from tests.support.staged import Staged
from trainables import UnknownTrainableError
from trainables.inspection.conversation import _trainable
from trainables.inspection.probe import probe
from trainables.inspection.steps import Steps
from trainables.inspection.summary import summary
from trainables.models.char_transformer import CharTransformer
from trainables.models.digits_mlp import DigitsMlp

CPU = torch.device("cpu")


def answers(program: Any, trainable: Any, config: Mapping[str, Any], *questions: Mapping[str, Any]) -> list[Any]:
    told: list[Any] = []
    program(trainable, config, iter(questions), lambda event, **facts: told.append({"event": event, **facts}))
    return told


def test_a_summary_has_layers_with_shapes_and_all_weights():
    (told,) = answers(summary, DigitsMlp(), {"hidden": 32})
    assert [(layer["depth"], layer["kind"], layer["output_shape"]) for layer in told["layers"]] == [
        (0, "Sequential", [2, 10]),
        (1, "Linear", [2, 32]),
        (1, "ReLU", [2, 32]),
        (1, "Dropout", [2, 32]),
        (1, "Linear", [2, 10]),
    ]
    assert told["parameters"] == told["trainable_parameters"] == 65 * 32 + 33 * 10
    assert told["bytes"] == 4 * told["parameters"]


def test_layers_within_layers_stand_below_them(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("something to read " * 100)
    (told,) = answers(summary, CharTransformer(), {"text_file": str(text), "context": 8, "width": 8, "heads": 2})
    depths = {layer["name"]: layer["depth"] for layer in told["layers"]}
    assert (depths["embedding"], depths["symbols"], depths["head"]) == (1, 2, 1)


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_what_runs_out_of_memory_does_not_fit(where):
    config = {"short": {"rank": 0, "where": where, "above": 5}, "momentum": 0.9, "batch_size": 3}
    ready, *steps = answers(probe, Shortage(), config, {"micro_batch": 5}, {"micro_batch": 6}, {"micro_batch": 4})
    assert [step["fits"] for step in steps] == [True, False, True]
    assert "memory" in steps[1]["why"]
    assert ready["peak_bytes"] <= steps[0]["peak_bytes"]
    assert (ready["is_gpu"], ready["device"]) == (False, "cpu")


def test_another_error_than_memory_is_not_taken_for_it():
    with pytest.raises(ValueError, match="as asked for"):
        answers(probe, Staged(), {"fail_layer": 1}, {"micro_batch": 1})


def test_steps_train_as_the_loop_does_with_as_many_samples_as_asked_for():
    steps = Steps(DigitsMlp(), {"lr": 0.1, "clip_norm": 1.0, "precision": "bf16", "batch_size": 2}, CPU)
    before = [parameter.clone() for parameter in steps.model.parameters()]
    seen: list[int] = []
    steps.model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    assert steps.take(100) > 0
    assert seen == [100, 100]
    assert not any(torch.equal(old, new) for old, new in zip(before, steps.model.parameters(), strict=True))
    assert steps.num_samples == 1437


def test_only_what_has_a_model_can_be_looked_at():
    with pytest.raises(UnknownTrainableError, match="did you mean digits_mlp"):
        _trainable({"name": "digits_mpl", "trainables": ""})
    with pytest.raises(ValueError, match="got tabular_boosting, a plain function, must be a Trainable"):
        _trainable({"name": "tabular_boosting", "trainables": ""})


def test_a_pipeline_is_refused():
    with pytest.raises(ValueError, match=r"config.parallel: got 'pipeline', must be 'ddp'"):
        Steps(Staged(), {"parallel": "pipeline"}, CPU)
