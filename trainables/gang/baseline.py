"""What user code may change in its process, put back before every trial, so that a used gang trains like a fresh one.

Not put back: modules that were imported and what they hold, `sys.path`, signal handlers, the warnings filter, flushing
of denormal numbers, and whatever else lies outside the table below. Random state is seeded for every attempt anyway.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers


def _set_environment(values: Mapping[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _set_deterministic(values: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(values[0], warn_only=values[1])


def _set_cudnn(values: tuple[bool, bool]) -> None:
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = values


def _hooks() -> dict[str, dict[Any, Any]]:
    """Copies of the hooks that apply to all modules and all optimizers."""
    return {name: dict(table) for name, table in _hook_tables().items()}


def _set_hooks(values: Mapping[str, Mapping[Any, Any]]) -> None:
    for name, table in _hook_tables().items():
        table.clear()
        table.update(values.get(name, {}))


def _hook_tables() -> dict[str, dict[Any, Any]]:
    found = {**vars(modules), **vars(optimizers)}
    return {name: value for name, value in found.items() if name.startswith("_global_") and isinstance(value, dict)}


def _directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it is gone
        return None


def _set_directory(path: str | None) -> None:
    if path is not None:
        with contextlib.suppress(FileNotFoundError):
            os.chdir(path)


_TABLE: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "threads": (torch.get_num_threads, torch.set_num_threads),
    "dtype": (torch.get_default_dtype, torch.set_default_dtype),
    # Setting the CPU by name would leave a mode behind that costs every call; None is what a fresh process has.
    "device": (torch.get_default_device, lambda _: torch.set_default_device(None)),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "deterministic": (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        _set_deterministic,
    ),
    "matrix products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "cudnn": (lambda: (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic), _set_cudnn),
    "hooks": (_hooks, _set_hooks),
    "numpy errors": (np.geterr, lambda values: np.seterr(**values)),
    "environment": (lambda: dict(os.environ), _set_environment),
    "working directory": (_directory, _set_directory),
}
"""What is put back: how it is read, and how it is set."""


class Baseline:
    """The process as it is now."""

    def __init__(self) -> None:
        self._values = {name: read() for name, (read, _) in _TABLE.items()}

    def restore(self) -> None:
        """Put back what has changed since."""
        for name, (read, write) in _TABLE.items():
            if read() != self._values[name]:
                write(self._values[name])
