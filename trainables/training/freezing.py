"""Which parts of a model learn in an epoch: freezing and gradual unfreezing by module names.

A frozen parameter gets no gradient, so that no optimizer touches it, and its moments wait. A frozen batch normalisation
does not update its running statistics and uses them. Which parts, the trainable's `frozen` says.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


class Freezing:
    """Freezes and thaws the parts of one model; parameters that the model itself made constant stay so.

    Args:
        model: The bare model, as the trainable built it.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._frozen: frozenset[str] = frozenset()

    def apply(self, prefixes: Iterable[str]) -> bool:
        """Freeze the modules and parameters whose dotted names begin with one of `prefixes`, and nothing else.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: A prefix is none of a parameter, or nothing would be left to learn.
        """
        chosen = frozenset(prefixes)
        for prefix in sorted(chosen):
            if not any(_under(name, prefix) for name, _ in self._model.named_parameters()):
                children = ", ".join(name for name, _ in self._model.named_children())
                raise ValueError(
                    f"frozen: got {prefix!r}, must be the name of a module or parameter, such as {children}; correct it"
                )
        if chosen == self._frozen:
            return False
        rest = [name for name in self._learning if not _any_under(name, chosen)]
        if not rest:
            raise ValueError(
                f"frozen: got {sorted(chosen)}, which is all there is, must leave something to learn; freeze less"
            )
        for name, parameter in self._learning.items():
            parameter.requires_grad_(name in rest)
            if name not in rest:
                parameter.grad = None
        self._frozen = chosen
        return True

    def train(self) -> None:
        """Put the model into training mode, save for the frozen parts' normalisation."""
        self._model.train()
        for name, module in self._model.named_modules():
            if _any_under(name, self._frozen) and hasattr(module, "running_mean"):
                module.eval()


def _any_under(name: str, prefixes: Iterable[str]) -> bool:
    return any(_under(name, prefix) for prefix in prefixes)


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")
