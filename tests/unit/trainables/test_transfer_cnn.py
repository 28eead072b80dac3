"""What was learned of some classes is gone on with on others: blocks thaw in their epochs and begin as they were."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from tests.support.assignments import an_assignment
from tests.support.clothes import write_clothes
from tests.support.ranks import a_lone_rank, alone, save
from trainables.gang.rank import Rank

BACKBONE: dict[str, Any] = {"import_path": "trainables.models.fashion_cnn:FashionCnn", "trainable": "fashion_cnn"}
TRANSFER: dict[str, Any] = {"import_path": "trainables.models.transfer_cnn:TransferCnn", "trainable": "transfer_cnn"}
CONFIG = {"lr": 0.003, "width": 8, "batch_size": 32, "first_class": 5}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """The checkpoint of a network that learned classes 0 to 4, and the weights in it."""
    directory = tmp_path_factory.mktemp("backbone")
    write_clothes(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_DATA_DIR", str(directory))
        assignment = an_assignment(directory, {"lr": 0.01, "width": 8, "batch_size": 32, "last_class": 4}, **BACKBONE)
        rank = a_lone_rank(assignment)
        rank.run_epoch()
        record = save(directory, assignment, 2, rank.run_epoch(), alone(rank))
        yield record.path, weights(rank)


def weights(rank):
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def moved(before, after):
    parts = {".".join(name.split(".")[:2]) for name in before if not torch.equal(before[name], after[name])}
    return {part.removeprefix("features.").removesuffix(".weight").removesuffix(".bias") for part in parts}


def test_blocks_begin_as_they_were_and_thaw_in_their_epochs(backbone, tmp_path):
    path, learned = backbone
    config = {**CONFIG, "backbone": path, "unfreeze_epoch": 2, "unfreeze_every": 1}
    rank = a_lone_rank(an_assignment(tmp_path, config, **TRANSFER))
    stages = [weights(rank)]
    blocks = [name for name in learned if name.startswith("features.")]
    assert blocks
    assert all(torch.equal(stages[0][name], learned[name]) for name in blocks)
    first = rank.run_epoch()
    assert any("new_classifier" in warning for warning in first.warnings)
    stages.append(weights(rank))
    for _ in range(3):
        rank.run_epoch()
        stages.append(weights(rank))
    assert [moved(*neighbours) for neighbours in pairwise(stages)] == [
        {"new_classifier"},
        {"new_classifier", "block3"},
        {"new_classifier", "block3", "block2"},
        {"new_classifier", "block3", "block2", "block1"},
    ]


def test_after_one_epoch_it_is_ahead_of_one_that_begins_from_scratch(backbone, tmp_path):
    transferred = {**CONFIG, "backbone": backbone[0], "unfreeze_epoch": 1, "unfreeze_every": 0}
    ours = a_lone_rank(an_assignment(tmp_path, transferred, **TRANSFER)).run_epoch().metrics
    anew = a_lone_rank(an_assignment(tmp_path, CONFIG, **BACKBONE)).run_epoch().metrics
    assert ours["loss"] < anew["loss"]


def test_a_configuration_without_a_backbone_is_refused_with_the_way_out(backbone, tmp_path):
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(an_assignment(tmp_path, CONFIG, **TRANSFER))
    assert "config.backbone: got None, must be a checkpoint's folder" in failure.message


def test_a_backbone_of_another_width_is_refused(backbone, tmp_path):
    config = {**CONFIG, "backbone": backbone[0], "width": 16}
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(an_assignment(tmp_path, config, **TRANSFER))
    assert "make the model fit" in failure.message
