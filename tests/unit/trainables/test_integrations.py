"""Integrations: each epoch once, whatever trains it again; training is untouched by them, and by their failures."""

from __future__ import annotations

import json
import struct
from types import SimpleNamespace

import pytest
import torch
from tensorboardX.proto.event_pb2 import Event

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank
from tests.support.recording import Recording
from trainables.integrations import tensorboard
from trainables.integrations.catalog import LIBRARIES, missing
from trainables.integrations.logger import Loggers, Moment

pytestmark = pytest.mark.filterwarnings("ignore")  # of what jit.trace says of models, and of other people's libraries


class Pictured(Recording):
    """With a picture and a point cloud."""

    def images(self, config, model, batch):
        inputs, target = batch
        assert not model.training
        assert not torch.is_grad_enabled()
        torch.rand(5)  # a picture may draw: training must not notice
        return {"error": (model(inputs) - target).abs().clamp(0, 1).reshape(1, 2, 4)}

    def meshes(self, config, model, batch):
        return {"points": {"vertices": batch[0][None, :, :3]}}


PICTURED = f"{__name__}:Pictured"


def events(folder):
    """All events of all files of a folder, read from TensorBoard's record format."""
    found = []
    for file in sorted(folder.glob("events.*")):
        content, at = file.read_bytes(), 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event = Event()
            event.ParseFromString(content[at + 12 : at + 12 + size])
            found += [(event.step, value) for value in event.summary.value]
            at += size + 16
    return found


def steps(folder, tag):
    return [step for step, value in events(folder) if value.tag == tag]


def an_attempt(tmp_path, integrations, epochs, config=None, **fields):
    """Train and log as a gang does; return the metrics and what went wrong."""
    config = {"dropout": 0.3, **(config or {})}
    fields = {"integrations": integrations, "logs": str(tmp_path / "logs"), "import_path": PICTURED, **fields}
    assignment = an_assignment(tmp_path, config, **fields)
    rank, loggers = a_lone_rank(assignment), Loggers(assignment)
    metrics, told = [], []
    for _ in range(epochs):
        measures = rank.run_epoch()
        metrics.append(measures.metrics)
        told += loggers.log(
            Moment(epoch=measures.epoch, metrics=measures.metrics, resources=measures.resources, view=rank.view())
        )
    loggers.close()
    rank.close()
    return metrics, told


def test_tensorboard_gets_scalars_histograms_pictures_meshes_and_the_configuration(tmp_path):
    metrics, told = an_attempt(tmp_path, {"tensorboard": {}}, 2)
    folder = tmp_path / "logs" / tensorboard.FOLDER
    losses = [value.simple_value for _, value in events(folder) if value.tag == "loss"]
    assert losses == pytest.approx([epoch["loss"] for epoch in metrics])
    for tag in ("absolute", "resources/rss_bytes", "weights/hidden.weight", "gradients/hidden.weight", "error"):
        assert steps(folder, tag) == [1, 2], tag
    assert steps(folder, "points_1") == [1, 2]
    assert len(steps(folder, "_hparams_/experiment")) == 1
    assert [sentence for sentence in told if "it shows no graph" not in sentence] == []


def test_an_epoch_that_a_later_attempt_trains_again_is_not_logged_again(tmp_path):
    an_attempt(tmp_path, {"tensorboard": {}}, 3)
    an_attempt(tmp_path, {"tensorboard": {}}, 5, attempt=2)
    folder = tmp_path / "logs" / tensorboard.FOLDER
    assert steps(folder, "loss") == [1, 2, 3, 4, 5]
    assert len(steps(folder, "_hparams_/experiment")) == 1


def test_training_is_bit_identical_with_and_without(tmp_path):
    with_it, _ = an_attempt(tmp_path / "a", {"tensorboard": {}}, 3)
    without, told = an_attempt(tmp_path / "b", {}, 3)
    assert with_it == without
    assert told == []
    assert not (tmp_path / "b" / "logs").exists()


def test_histograms_come_as_often_as_asked(tmp_path):
    an_attempt(tmp_path / "a", {"tensorboard": {"histograms_every": 2}}, 4)
    an_attempt(tmp_path / "b", {"tensorboard": {"histograms_every": None}}, 2)
    assert steps(tmp_path / "a" / "logs" / "tensorboard", "weights/hidden.bias") == [2, 4]
    assert steps(tmp_path / "b" / "logs" / "tensorboard", "weights/hidden.bias") == []


class Spoilt(Recording):
    def images(self, config, model, batch):
        raise ValueError("no picture today")


def test_a_hook_that_fails_is_told_once_and_all_else_is_logged(tmp_path):
    _, told = an_attempt(tmp_path, {"tensorboard": {}}, 3, import_path=f"{__name__}:Spoilt")
    assert sum("no picture today; it shows no images of this attempt" in sentence for sentence in told) == 1
    assert steps(tmp_path / "logs" / "tensorboard", "loss") == [1, 2, 3]


def test_a_logger_that_fails_is_told_once_and_the_others_go_on(tmp_path, monkeypatch):
    calls = []

    def broken(assignment, options, folder, memory):
        return SimpleNamespace(log=lambda moment: calls.append(moment) or 1 / 0, close=lambda: None)

    monkeypatch.setattr("trainables.integrations.wandb.open_logger", broken)
    _, told = an_attempt(tmp_path, {"wandb": {}, "tensorboard": {}}, 3)
    assert [sentence for sentence in told if "ZeroDivisionError" in sentence] == [
        "wandb: got ZeroDivisionError: division by zero; it logs no more in this attempt, which trains on"
    ]
    assert len(calls) == 1
    assert steps(tmp_path / "logs" / "tensorboard", "loss") == [1, 2, 3]


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path):
    (tmp_path / "logs").write_text("in the way")
    metrics, told = an_attempt(tmp_path, {"tensorboard": {}}, 2)
    assert len(metrics) == 2
    assert "the folder for logs: got FileExistsError" in told[0]


def test_what_an_integration_remembers_is_kept_from_attempt_to_attempt(tmp_path):
    an_attempt(tmp_path, {"tensorboard": {}}, 2)
    assert json.loads((tmp_path / "logs" / "logged.json").read_text())["tensorboard"]["epoch"] == 2


def test_a_missing_library_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr("trainables.integrations.catalog.find_spec", lambda _: None)
    assert missing(["wandb"])["wandb"].startswith("got an integration whose library wandb is not installed")
    assert missing([]) == {}
    assert set(LIBRARIES) == {"tensorboard", "mlflow", "wandb"}


def test_mlflow_gets_one_run_for_all_attempts_of_a_trial(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/runs")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert an_attempt(tmp_path, {"mlflow": {}}, 2)[1] == []
    metrics, told = an_attempt(tmp_path, {"mlflow": {}}, 4, attempt=2)
    assert told == []
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("rung/s1").experiment_id])
    history = [(value.step, value.value) for value in client.get_metric_history(run.info.run_id, "loss")]
    assert history == [(number, epoch["loss"]) for number, epoch in enumerate(metrics, 1)]
    assert run.data.params == {"dropout": "0.3"}


def test_wandb_writes_offline_and_a_later_attempt_has_the_same_run_id(tmp_path):
    pytest.importorskip("wandb")
    assert an_attempt(tmp_path, {"wandb": {}}, 2)[1] == []
    assert an_attempt(tmp_path, {"wandb": {}}, 4, attempt=2)[1] == []
    assert {file.name for file in (tmp_path / "logs").rglob("*.wandb")} == {"run-s1-0000.wandb"}
