"""A LightningModule trains as the same model written for Rung does: a stand-in of its interface, and the real one."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.recording import Recording
from trainables import evaluate, load
from trainables.adapters.lightning import LightningTrainable

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's, on import

HAS_LIGHTNING = importlib.util.find_spec("lightning") is not None


class StandIn(nn.Module):
    """The part of LightningModule that a module without a Trainer has."""

    def log(self, name: str, value: Any, **options: Any) -> None:
        raise AssertionError("there is no Trainer")

    def log_dict(self, values: Any, **options: Any) -> None:
        raise AssertionError("there is no Trainer")


def a_module(base: Any, config: Any) -> Any:
    class Lit(base):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(3, 4)
            self.out = nn.Linear(4, 1)

        def forward(self, inputs):
            return self.out(self.hidden(inputs[:, :-1]))

        def training_step(self, batch, batch_idx):
            inputs, targets = batch
            loss = functional.mse_loss(self(inputs), targets)
            self.log("train_loss", loss, prog_bar=True)
            return {"loss": loss} if batch_idx % 2 else loss

        def validation_step(self, batch):
            inputs, targets = batch
            output = self(inputs)
            self.log_dict({"val_loss": functional.mse_loss(output, targets), "off": (output - targets).abs().mean()})

        def configure_optimizers(self):
            optimizer = SGD(self.parameters(), lr=0.05, momentum=config.get("momentum", 0.0))
            schedule = StepLR(optimizer, step_size=1, gamma=0.9)
            forms = {
                "dictionary": {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}},
                "lists": ([optimizer], [schedule]),
                "steps": {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}},
                "two": [optimizer, optimizer],
                "alone": optimizer,
            }
            return forms[config.get("form", "dictionary")]

        def train_dataloader(self):
            return DataLoader(Recording().datasets({}).train, batch_size=3)

        def val_dataloader(self):
            return DataLoader(Recording().datasets({}).validation, batch_size=5)

    return Lit()


class WithStandIn(LightningTrainable):
    metrics = ("off",)

    def module(self, config):
        return a_module(StandIn, config)


class WithLightning(LightningTrainable):
    metrics = ("off",)

    def module(self, config):
        import lightning

        return a_module(lightning.LightningModule, config)


class Unlogged(WithStandIn):
    metrics = ("accuracy",)


@pytest.fixture(
    params=[
        "WithStandIn",
        pytest.param("WithLightning", marks=pytest.mark.skipif(not HAS_LIGHTNING, reason="lightning is not installed")),
    ]
)
def path(request):
    return f"{__name__}:{request.param}"


def test_it_has_the_loss_curve_of_the_same_model_written_for_rung(path, tmp_path):
    config = {"batch_size": 7, "schedule": True}
    adapted = a_lone_rank(an_assignment(tmp_path, config, import_path=path))
    own = a_lone_rank(an_assignment(tmp_path, config))
    for _ in range(3):
        theirs, ours = adapted.run_epoch().metrics, own.run_epoch().metrics
        assert theirs["off"] == pytest.approx(ours["absolute"], rel=1e-6)
        assert theirs["loss"] == pytest.approx(ours["loss"], rel=1e-6)
        assert theirs["train_loss"] == pytest.approx(ours["train_loss"], rel=1e-6)


def test_its_checkpoint_has_the_modules_own_names_loads_and_resumes(path, tmp_path):
    config = {"batch_size": 7, "momentum": 0.9}
    assignment = an_assignment(tmp_path, config, import_path=path)
    rank = a_lone_rank(assignment)
    measures = rank.run_epoch()
    record = save(tmp_path, assignment, 1, measures, alone(rank))
    model = load(record.path)
    assert set(model.state_dict()) == {"hidden.weight", "hidden.bias", "out.weight", "out.bias"}
    assert model.module(torch.zeros(1, 4)).shape == (1, 1)
    reported = {name: value for name, value in measures.metrics.items() if name != "train_loss"}
    assert evaluate(record.path) == pytest.approx(reported, abs=1e-6)
    resumed = a_lone_rank(an_assignment(tmp_path, config, import_path=path, resume_from=record.path))
    assert resumed.run_epoch().metrics == rank.run_epoch().metrics


def test_smaller_micro_batches_make_no_difference(path, tmp_path):
    whole = a_lone_rank(an_assignment(tmp_path, {"batch_size": 8}, import_path=path)).run_epoch()
    parts = a_lone_rank(an_assignment(tmp_path, {"batch_size": 8, "micro_batch_size": 3}, import_path=path)).run_epoch()
    assert parts.metrics == pytest.approx(whole.metrics, rel=1e-5)


@pytest.mark.parametrize("form", ["lists", "alone"])
def test_every_form_of_one_optimizer_is_taken(path, tmp_path, form):
    rank = a_lone_rank(an_assignment(tmp_path, {"form": form}, import_path=path))
    assert rank.run_epoch().epoch == 1


@pytest.mark.parametrize(("form", "says"), [("two", "got 2 optimizers"), ("steps", "got a schedule for each 1 step")])
def test_what_the_loop_does_not_do_is_refused_with_the_way_out(tmp_path, form, says):
    rank = a_lone_rank(an_assignment(tmp_path))
    failure = rank.build(an_assignment(tmp_path, {"form": form}, import_path=f"{__name__}:WithStandIn"))
    assert says in failure.message


def test_a_metric_that_is_not_logged_is_named(tmp_path):
    failure = a_lone_rank(an_assignment(tmp_path, import_path=f"{__name__}:Unlogged")).run_epoch()
    assert "validation_step: got no log of accuracy" in failure.message
    assert "logged are off, val_loss" in failure.message


def test_two_ranks_have_the_loss_curve_of_one(pair, tmp_path):
    config = {"batch_size": 11}
    lone = a_lone_rank(an_assignment(tmp_path, config, import_path=f"{__name__}:WithStandIn"))
    pair.assign(an_assignment(tmp_path, config, workers=2, import_path=f"{__name__}:WithStandIn"))
    for _ in range(2):
        assert pair.call("run_epoch")[0].metrics == pytest.approx(lone.run_epoch().metrics, rel=1e-5)
