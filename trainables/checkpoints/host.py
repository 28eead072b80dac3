"""Copies of a trial's state in host memory, which a thread can write to files while the trial trains on.

What is copied, the kinds of attempts say; the files are in `checkpoint` and `weights`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def copied(value: Any) -> Any:
    """Return a copy that shares no memory with `value`, its tensors on the CPU.

    Mappings come back as plain dictionaries, lists and tuples as such; anything else is copied deeply.
    """
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(copied, value)) if type(value) in (list, tuple) else copy.deepcopy(value)
    return copy.deepcopy(value)
