"""How a configuration says it is to be trained: the parameter names that the epoch loop reserves for itself.

They are read and checked here, once, when an attempt is built. What each does is in the module that does it
(`loaders`, `precision`, `micro_batches`, `step`). Knows no torch: whoever takes a search in can check its space too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
"""What `precision` may be."""

Precision = Literal["fp32", "tf32", "bf16", "fp16"]

PARALLEL = ("ddp", "pipeline")
"""What `parallel` may be."""

Parallel = Literal["ddp", "pipeline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """The reserved parameters of a configuration. Each may be searched over like any other, or left out.

    Attributes:
        batch_size: Samples in a *global* batch, all ranks together; default 64.
        precision: "fp32" (default): all of it. "tf32": matrix products of a GPU with 10-bit mantissas. "bf16", "fp16":
            autocast of forward pass and loss; fp16 with a scaled loss. Weights are fp32 always.
        micro_batch_size: Samples that a rank computes on at once; more are accumulated. Default None: all of its part.
        clip_norm: Total norm to which the gradient of the global batch is cut, or None (default).
        compile: Whether the training pass goes through torch.compile; default False.
        drop_last: Whether a last global batch of fewer samples is left out; default False.
        num_workers: Processes that load each rank's batches; 0 (default) loads in the rank itself. The four below have
            no effect without workers.
        persistent_workers: Whether they live from epoch to epoch; default False.
        prefetch_factor: Batches that each loads ahead, or None (default) for torch's own 2.
        loader_timeout: Seconds to wait for a batch before it is an error; 0 (default) waits for ever.
        pin_memory: Whether batches go to a GPU by way of pinned memory; no effect on a CPU; default False.
        parallel: What several ranks hold. "ddp" (default): a copy of the model each. "pipeline": a stage of it each,
            for a model that no single GPU can hold; a micro-batch is then what goes from stage to stage, by default a
            fourth of the batch divided by the number of stages.
    """

    batch_size: int = 64
    precision: Precision = "fp32"
    micro_batch_size: int | None = None
    clip_norm: float | None = None
    compile: bool = False
    drop_last: bool = False
    num_workers: int = 0
    persistent_workers: bool = False
    prefetch_factor: int | None = None
    loader_timeout: float = 0
    pin_memory: bool = False
    parallel: Parallel = "ddp"

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> Self:
        """Read a configuration; parameters of other names are the trainable's own.

        Raises:
            ValueError: A reserved parameter has a value that it cannot have; the message names it as "config.<name>".
        """
        given = {name: config[name] for name in RESERVED if name in config}
        for name, value in given.items():
            problem = fault(name, value)
            if problem:
                raise ValueError(f"config.{name}: {problem}")
        return cls(**given)


RESERVED = tuple(each.name for each in fields(TrainingSettings))
"""The reserved parameter names."""

_OPTIONAL = {each.name for each in fields(TrainingSettings) if each.default is None}

Check = tuple[str, Callable[[Any], bool]]


def _number(kind: type[int] | type[float], text: str, suits: Callable[[float], bool]) -> Check:
    # True is an int to Python, and never meant as one here; an int is a float to a person.
    kinds = (int,) if kind is int else (int, float)
    return text, lambda value: type(value) in kinds and suits(value)


def _whole(least: int) -> Check:
    return _number(int, f"an integer >= {least}", lambda value: value >= least)


_FLAG: Check = "true or false", lambda value: isinstance(value, bool)

_CHECKS: dict[str, Check] = {
    "batch_size": _whole(1),
    "precision": (f"one of {', '.join(PRECISIONS)}", lambda value: value in PRECISIONS),
    "micro_batch_size": _whole(1),
    "clip_norm": _number(float, "a finite number > 0", lambda value: 0 < value < math.inf),
    "compile": _FLAG,
    "drop_last": _FLAG,
    "num_workers": _whole(0),
    "persistent_workers": _FLAG,
    "prefetch_factor": _whole(1),
    "loader_timeout": _number(float, "a finite number >= 0", lambda value: 0 <= value < math.inf),
    "pin_memory": _FLAG,
    "parallel": (f"one of {', '.join(PARALLEL)}", lambda value: value in PARALLEL),
}


def fault(name: str, value: Any) -> str | None:
    """Return what is wrong with a value of a reserved parameter, "got, must; way out", or None if nothing is.

    None is a value of those that need not be set.
    """
    must, suits = _CHECKS[name]
    if suits(value) or (value is None and name in _OPTIONAL):
        return None
    return f"got {value!r}, must be {must}; correct the space"
