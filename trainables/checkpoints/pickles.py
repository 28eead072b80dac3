"""Pickles that may only make objects of named kinds: for libraries whose objects have no other form on disk.

A pickle is a program. One that was tampered with runs anything when it is loaded, unless it is held to what the object
at hand is made of. PyTorch models need none of this: their weights are safetensors.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

NUMPY = frozenset(
    {
        "numpy.dtype",
        "numpy.ndarray",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.random._mt19937.MT19937",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
    }
)
"""What numpy's arrays, scalars and legacy random generators are made of, in numpy 1 and 2."""


def load_pickle(path: Path, allowed: Collection[str]) -> Any:
    """Load an object that is made of nothing but what is allowed, numpy's arrays and plain Python values.

    Args:
        path: The file.
        allowed: Full names, "package.module.Class". Each must be harmless to call with any arguments.

    Raises:
        pickle.UnpicklingError: The file asks for something else, or is no pickle.
    """
    return _Fenced(io.BytesIO(path.read_bytes()), NUMPY.union(allowed)).load()


class _Fenced(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, allowed: Collection[str]) -> None:
        super().__init__(file)
        self._allowed = allowed

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Refuse every name that is not allowed."""
        name = f"{module_name}.{global_name}"
        if name not in self._allowed:
            raise pickle.UnpicklingError(
                f"pickle: got {name}, must be made of what its reader allows; do not load it if you do not know why "
                "that is in it"
            )
        return super().find_class(module_name, global_name)
