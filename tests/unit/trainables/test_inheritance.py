"""What a clone's optimizer and schedule take over from the parent's, and what stays the clone's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from trainables.training.inheritance import inherit


def trained(make, make_schedule=None, epochs=3):
    """Return what a parent of some epochs saves, and its parameter."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = make([parameter])
    schedule = make_schedule(optimizer) if make_schedule else None
    for _ in range(epochs):
        optimizer.zero_grad()
        (parameter**2).sum().backward()
        optimizer.step()
        if schedule:
            schedule.step()
    return copy.deepcopy(
        {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict() if schedule else None}
    ), optimizer


def clone_of(state, make, make_schedule=None):
    optimizer = make([torch.nn.Parameter(torch.ones(2))])
    schedule = make_schedule(optimizer) if make_schedule else None
    inherit(optimizer, schedule, state)
    return optimizer, schedule


def test_moments_come_from_the_parent_and_settings_from_the_clone():
    state, parent = trained(lambda p: Adam(p, lr=0.1, betas=(0.8, 0.9)))
    clone, _ = clone_of(state, lambda p: Adam(p, lr=0.02))
    (theirs,), (own,) = parent.state.values(), clone.state.values()
    assert torch.equal(own["exp_avg"], theirs["exp_avg"])
    assert (clone.param_groups[0]["lr"], clone.param_groups[0]["betas"]) == (0.02, (0.9, 0.999))


def test_an_optimizer_of_another_kind_begins_anew_and_can_step():
    state, _ = trained(lambda p: SGD(p, lr=0.1, momentum=0.9))
    clone, _ = clone_of(state, lambda p: Adam(p, lr=0.02))
    assert clone.state == {}
    parameter = clone.param_groups[0]["params"][0]
    (parameter**2).sum().backward()
    clone.step()
    assert clone.param_groups[0]["lr"] == 0.02


@pytest.mark.parametrize(
    "make_schedule", [lambda o: StepLR(o, 2, gamma=0.5), lambda o: CosineAnnealingLR(o, 10)], ids=["step", "cosine"]
)
def test_a_schedule_goes_on_from_the_parents_epoch_with_the_clones_learning_rate(make_schedule):
    state, parent = trained(lambda p: SGD(p, lr=0.1), make_schedule)
    clone, schedule = clone_of(state, lambda p: SGD(p, lr=0.02), make_schedule)
    assert schedule.last_epoch == 3
    assert clone.param_groups[0]["lr"] == pytest.approx(parent.param_groups[0]["lr"] / 5)
    clone.step()
    schedule.step()
    _, later = trained(lambda p: SGD(p, lr=0.02), make_schedule, epochs=4)
    assert clone.param_groups[0]["lr"] == pytest.approx(later.param_groups[0]["lr"])
