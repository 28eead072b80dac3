"""A model cut into stages, one for each rank: which parts there are, and where each tensor of the whole is.

Stages are cut from the whole model, built from the trial's seed as one process would build it: so the weights are the
same however many ranks share them. It costs each rank host memory for the whole model while it builds; only the rank's
own stage goes to its device and stays. Running stages is in `pipeline`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from trainables.protocol import Config, Trainable


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The stage of one rank.

    Attributes:
        module: Its part of the model, on the CPU.
        names: Name of each tensor of its state -> name in the whole model.
        layout: For each stage, the names in the whole model of the tensors it holds, each once.
        aliases: Name of each tensor of the whole model that is one with another -> the name of that one.
        total_bytes: Size of the tensors of all stages together.
    """

    module: nn.Module
    names: Mapping[str, str]
    layout: tuple[tuple[str, ...], ...]
    aliases: Mapping[str, str]
    total_bytes: int


def cut(trainable: Trainable, config: Config, model: nn.Module, *, rank: int, world: int) -> Stage:
    """Return a rank's stage of a whole model.

    Raises:
        ValueError: The stages are not as many as there are ranks, do not hold each tensor of the model once, or one
            has nothing to learn; or the trainable has no stages and its model is no nn.Sequential.
    """
    parts = trainable.stages(config, model, world)
    if parts is None:
        parts = _in_sequence(model, world)
    if len(parts) != world:
        raise ValueError(f"stages: got {len(parts)}, must be {world}, one for each worker; return `count` of them")
    for number, part in enumerate(parts):
        if _num_parameters(part) == 0:
            raise ValueError(
                f"stages: got no parameters in stage {number}, must be at least one in each; "
                "cut elsewhere or give the trial fewer workers"
            )
    tensors = _state(model)
    first: dict[int, str] = {}
    for name, tensor in tensors.items():
        first.setdefault(id(tensor), name)
    names = [_names_in_whole(part, number, first) for number, part in enumerate(parts)]
    layout = tuple(tuple(dict.fromkeys(own.values())) for own in names)
    _check_each_once(layout, first.values())
    return Stage(
        module=parts[rank],
        names=names[rank],
        layout=layout,
        aliases={name: first[id(tensor)] for name, tensor in tensors.items() if first[id(tensor)] != name},
        total_bytes=sum(tensors[name].nbytes for own in layout for name in own),
    )


def _in_sequence(model: nn.Module, count: int) -> list[nn.Module]:
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"config.parallel: got 'pipeline' for a {type(model).__name__}, must be an nn.Sequential or come from a "
            "trainable with `stages`; define stages(config, model, count)"
        )
    # Not named_children(), which leaves out a module's second occurrence.
    children = [entry for entry in model.named_modules(remove_duplicate=False) if entry[0] and "." not in entry[0]]
    ends = _balanced([_num_parameters(child) for _, child in children], count)
    if ends is None:
        raise ValueError(
            f"resources.workers: got {count} for an nn.Sequential with fewer children that have parameters, must be "
            "one such child for each stage at least; give the trial fewer workers"
        )
    return [nn.Sequential(OrderedDict(children[begin:end])) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def _balanced(sizes: Sequence[int], count: int) -> list[int] | None:
    """Return the ends of `count` runs of `sizes`, none of sum zero, whose largest sum is as small as can be."""
    # best[end]: the least largest sum, and the ends, of the runs so far that take sizes[:end].
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for _ in range(count):
        longer: dict[int, tuple[int, list[int]]] = {}
        for begin, (largest, ends) in best.items():
            total = 0
            for end in range(begin + 1, len(sizes) + 1):
                total += sizes[end - 1]
                if total and (end not in longer or max(largest, total) < longer[end][0]):
                    longer[end] = max(largest, total), [*ends, end]
        best = longer
    return best[len(sizes)][1] if len(sizes) in best else None


def _names_in_whole(part: nn.Module, number: int, first: Mapping[int, str]) -> dict[str, str]:
    own = _state(part)
    strangers = [name for name, tensor in own.items() if id(tensor) not in first]
    if strangers:
        raise ValueError(
            f"stages: got {', '.join(strangers)} in stage {number}, must be tensors of the model; "
            "build stages from the model's own modules"
        )
    return {name: first[id(tensor)] for name, tensor in own.items()}


def _check_each_once(layout: Sequence[Sequence[str]], whole: Any) -> None:
    places: dict[str, list[int]] = {name: [] for name in whole}
    for number, own in enumerate(layout):
        for name in own:
            places[name].append(number)
    for name, numbers in places.items():
        if not numbers:
            raise ValueError(f"stages: got none with {name}, must be each tensor of the model in one; add its module")
        if len(numbers) > 1:
            raise ValueError(
                f"stages: got {name} in stages {numbers[0]} and {numbers[1]}, must be in one; "
                "keep modules that share weights in one stage, or do not share them"
            )


def _state(module: nn.Module) -> dict[str, Tensor]:
    state: dict[str, Any] = module.state_dict(keep_vars=True)
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"model state {name}: got {type(tensor).__name__}, must be a tensor; "
                "keep such state out of get_extra_state"
            )
    return state


def _num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
