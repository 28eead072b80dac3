"""Which trainables exist: installed entry points of the group "rung.trainables" and the operator's own list.

A name is looked up without importing anything; importing happens in `load_trainable` and `Registry.describe`. What a
trainable must offer is in `protocol`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from trainables.functions import FunctionTrainable
from trainables.protocol import Trainable

ENTRY_POINT_GROUP = "rung.trainables"
"""Packages publish a trainable by an entry point of this group: name = "module:Class"."""

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class UnknownTrainableError(LookupError):
    """No trainable has the name asked for; the message lists the nearest names, or all where none is near."""


class BrokenTrainableError(ImportError):
    """A trainable is listed but cannot be used; the message names its import path and the cause."""


class Registry:
    """The trainables known to this process.

    Args:
        listed: Further trainables as name -> "module:Class"; they win over entry points of the same name.

    Raises:
        ValueError: A listed import path has not the form "module:Class".
    """

    def __init__(self, listed: Mapping[str, str] | None = None) -> None:
        installed = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
        for name, import_path in (listed or {}).items():
            if not _IMPORT_PATH.fullmatch(import_path):
                raise ValueError(
                    f'trainables.{name}: got {import_path!r}, must be "module:Class"; '
                    'for instance "my_project.models:ResNet"'
                )
        self._import_paths = dict(sorted({**installed, **(listed or {})}.items()))

    @classmethod
    def parse(cls, text: str) -> Registry:
        """Read the operator's list, "name=module:Class" separated by commas; an empty text lists nothing.

        Raises:
            ValueError: An entry has another form, or a name occurs twice.
        """
        listed: dict[str, str] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, equals, import_path = (part.strip() for part in entry.partition("="))
            if not (name and equals) or name in listed:
                raise ValueError(
                    f'trainables: got {entry!r}, must be "name=module:Class" with each name once; '
                    "separate entries by commas"
                )
            listed[name] = import_path
        return cls(listed)

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted; a broken trainable keeps its name."""
        return tuple(self._import_paths)

    def find(self, name: str) -> str:
        """Return the import path ("module:Class") of a name, importing nothing.

        Raises:
            UnknownTrainableError: There is no such name.
        """
        if name in self._import_paths:
            return self._import_paths[name]
        near = difflib.get_close_matches(name, self._import_paths, n=3) or list(self._import_paths)
        known = f"did you mean {' or '.join(near)}?" if near else "none is installed; set the list of trainables"
        raise UnknownTrainableError(f"trainable: got {name!r}, must be the name of an installed trainable; {known}")

    def describe(self) -> list[dict[str, Any]]:
        """Return one JSON-able record per trainable, sorted by name: name, import_path, doc, space, objective, budget,
        metrics, shape_parameters, and is_function: whether it may report other metrics too. A broken one has `error`
        in place of the last seven and does not hide the others.
        """
        return [self._describe(name, import_path) for name, import_path in self._import_paths.items()]

    @staticmethod
    def _describe(name: str, import_path: str) -> dict[str, Any]:
        facts: dict[str, Any] = {"name": name, "import_path": import_path}
        try:
            trainable = load_trainable(import_path)
        except BrokenTrainableError as error:
            return facts | {"error": str(error)}
        if isinstance(trainable, FunctionTrainable):
            documented: Any = trainable.function
            metrics = trainable.metrics
        else:
            documented = type(trainable)
            metrics = ("loss", *trainable.metrics)
        return facts | {
            "doc": inspect.getdoc(documented) or "",
            "space": dict(trainable.space),
            "objective": dict(trainable.objective),
            "budget": dict(trainable.budget),
            "metrics": list(metrics),
            "shape_parameters": list(trainable.shape_parameters),
            "is_function": isinstance(trainable, FunctionTrainable),
        }


def load_trainable(import_path: str) -> Trainable | FunctionTrainable:
    """Import "module:Class" and return an instance of it, or "module:function" and return the decorated function.

    Raises:
        BrokenTrainableError: The module does not import, has no such name, or it is neither a whole Trainable nor a
            function decorated with `trainables.trainable`.
    """
    module_name, _, name = import_path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
        if isinstance(found, FunctionTrainable):
            return found
        if not (inspect.isclass(found) and issubclass(found, Trainable)):
            raise TypeError(f"{name} is not a subclass of trainables.Trainable, nor decorated with @trainable")
        return found()
    except Exception as error:  # importing runs code of others: anything may be raised
        raise BrokenTrainableError(
            f"trainable {import_path}: got {type(error).__name__}: {error}, must be an importable subclass of "
            "trainables.Trainable or a function decorated with @trainable; try the import in the environment the "
            "cluster runs in"
        ) from error
