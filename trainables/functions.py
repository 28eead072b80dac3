"""A plain function as something to train: the decorator that describes it, and the Run that it is handed.

For whatever is not a PyTorch model: the function has its own loop, reports each epoch, and may save a folder. How it is
run one epoch at a time is in `training.turns` and `training.function`; PyTorch models are better off with `protocol`.

    @trainable(space={"depth": {"type": "int", "low": 1, "high": 9}}, objective={"metric": "loss", "mode": "min"})
    def forest(config: Config, run: Run) -> None:
        model = load(run.resume_from) if run.resume_from else Forest(config["depth"], seed=run.seed)
        for _ in run.epochs():
            model.grow()
            run.report(loss=model.loss(), checkpoint=model.save)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from trainables.protocol import Config

Save = Callable[[Path], object]
"""Writes what an epoch has made into an empty folder that is there."""


class Stopped(BaseException):
    """Raised by `report` when the attempt is over: paused, stopped early or cancelled. Let it pass.

    It is no Exception, so that no `except Exception` holds it; `finally` and `with` see it.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a function said of one epoch: its metrics, and the folder to save or what writes it (None: nothing)."""

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: Path | Save | None


class Backstage(Protocol):
    """What stands behind a Run; `training.function` has the real one."""

    def seed_epoch(self, epoch: int) -> None:
        """Seed the global random generators for an epoch."""

    def hand_in(self, report: Report) -> None:
        """Wait until the next epoch is asked for; raise Stopped if none is."""


@dataclass(kw_only=True)
class Run:
    """One attempt, as the function that trains sees it.

    Attributes:
        num_epochs: The epoch trained to at most.
        epoch: The last epoch reported; at the beginning that of the checkpoint to go on from, or 0.
        resume_from: Folder with what was saved at the end of `epoch`, to be read only; None to begin anew. It is
            another trial's, with another configuration, where `is_clone`.
        is_clone: Whether the trial goes on from another one's, as PBT has it.
        seed: Seed of the trial, for generators that take one.
        rank: Number of this process in the gang, from 0; every rank calls the function, and what rank 0 reports counts.
        world: Number of processes; with more than one, torch.distributed's default group ties them together.
        device: "cpu" or "cuda:0".
    """

    num_epochs: int
    epoch: int
    resume_from: Path | None
    is_clone: bool
    seed: int
    rank: int
    world: int
    device: str
    _backstage: Backstage = field(repr=False)

    def epochs(self) -> Iterator[int]:
        """Yield the number of each epoch to train, with the global random generators seeded for it.

        The seed depends on (trial, rank, epoch) alone: an attempt that resumes draws what an uninterrupted one would.
        """
        while self.epoch < self.num_epochs:
            self._backstage.seed_epoch(self.epoch + 1)
            before = self.epoch
            yield self.epoch + 1
            if self.epoch == before:
                raise RuntimeError(
                    f"run.report: got no report of epoch {before + 1}, must be one for each epoch; "
                    "call run.report in every turn of the loop"
                )

    def report(
        self,
        metrics: Mapping[str, float] | None = None,
        /,
        *,
        checkpoint: Path | str | Save | None = None,
        **more: float,
    ) -> None:
        """Report the epoch that ends, and wait until the next one is asked for.

        Args:
            metrics: Values by name; the objective's must be among them. NaN and infinities may be.
            checkpoint: What to save: a function that is given an empty folder to write into, called only if a
                checkpoint is due, in this thread and before `report` returns; or a folder, copied if one is due.
                Default None: the trial cannot be resumed from this epoch. Only rank 0's is looked at.
            more: The same as `metrics`, by keyword.

        Raises:
            ValueError: A value is no number, or this would be an epoch more than was asked for.
            Stopped: The attempt is over.
        """
        if self.epoch >= self.num_epochs:
            raise ValueError(f"run.report: got epoch {self.epoch + 1}, must be <= {self.num_epochs}; end the loop")
        values = {name: _number(name, value) for name, value in {**(metrics or {}), **more}.items()}
        what = Path(checkpoint) if isinstance(checkpoint, str) else checkpoint
        self.epoch += 1
        self._backstage.hand_in(Report(epoch=self.epoch, metrics=values, checkpoint=what))


Function = Callable[[Config, Run], object]


@dataclass(frozen=True, kw_only=True)
class FunctionTrainable:
    """A function with what is suggested for searching over it; called, it is the function. Made by `trainable`.

    Attributes:
        function: Trains one attempt.
        space: Default search space, as in a search spec.
        objective: Default objective: `metric`, one that is reported, and `mode`.
        budget: Default numbers of `trials` and of `epochs` for each.
        metrics: Names of the metrics reported, for people; others may be reported too.
        shape_parameters: Parameters that a clone, as PBT makes them, must keep to read its parent's checkpoint.
        load: Makes of a saved folder what `trainables.load` returns; None where there is nothing of the kind.
    """

    function: Function
    space: Mapping[str, Any]
    objective: Mapping[str, str]
    budget: Mapping[str, int]
    metrics: tuple[str, ...]
    shape_parameters: tuple[str, ...]
    load: Callable[[Path], Any] | None

    def __call__(self, config: Config, run: Run) -> object:
        """Call the function."""
        return self.function(config, run)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def trainable(
    *,
    space: Mapping[str, Any] = _NOTHING,
    objective: Mapping[str, str] = MappingProxyType({"metric": "loss", "mode": "min"}),
    budget: Mapping[str, int] = MappingProxyType({"trials": 16, "epochs": 10}),
    metrics: tuple[str, ...] = (),
    shape_parameters: tuple[str, ...] = (),
    load: Callable[[Path], Any] | None = None,
) -> Callable[[Function], FunctionTrainable]:
    """Make a function `(config, run)` a trainable; its docstring becomes its public documentation.

    The arguments are the attributes of `FunctionTrainable`.

    Raises:
        TypeError: The function does not take two arguments.
    """

    def decorate(function: Function) -> FunctionTrainable:
        try:
            inspect.signature(function).bind({}, None)
        except TypeError as error:
            raise TypeError(
                f"{getattr(function, '__name__', function)}: got {inspect.signature(function)}, must take "
                "(config, run); change its arguments"
            ) from error
        return FunctionTrainable(
            function=function,
            space=space,
            objective=objective,
            budget=budget,
            metrics=tuple(dict.fromkeys((objective["metric"], *metrics))),
            shape_parameters=shape_parameters,
            load=load,
        )

    return decorate


def _number(name: str, value: Any) -> float:
    # Whatever has exactly one value counts: numpy's scalars and one-element tensors are what libraries return.
    if not isinstance(value, (str, bytes)):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise ValueError(f"run.report: got {name}={value!r:.100}, must be a number; report one for each metric")
