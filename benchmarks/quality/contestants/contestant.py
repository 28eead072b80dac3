"""The table of contestants: how each is built, and which code and library it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.quality.contestants import hpbandster_peer, optuna_peer, ours, ray_tune_peer, syne_tune_peer
from benchmarks.quality.contestants.peer import Problem
from service.algorithms.simulator import Decider

OURS = "rung-"
"""What the names of our own begin with; a preset or `sampler+scheduler` follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """One that competes."""

    name: str
    build: Callable[[Problem], Decider]
    module: str
    """The file of this package that adapts it, without its suffix."""
    libraries: tuple[str, ...] = ()
    """The distributions whose versions its results depend on."""

    @property
    def is_ours(self) -> bool:
        """Whether our own code decides."""
        return self.name.startswith(OURS)


_MODULES = {
    "hpbandster_peer": ("hpbandster", "ConfigSpace", "statsmodels"),
    "optuna_peer": ("optuna",),
    "ray_tune_peer": ("ray", "hyperopt", "hpbandster", "ConfigSpace", "statsmodels"),
    "syne_tune_peer": ("syne-tune", "statsmodels", "xgboost"),
}
"""Adapters, with the libraries that decide behind them."""


def _peer(name: str, module: str, build: Callable[[Problem], Decider]) -> Contestant:
    return Contestant(name=name, build=build, module=module, libraries=_MODULES[module])


def _optuna(name: str, **settings: Any) -> Contestant:
    return _peer(f"optuna-{name}", "optuna_peer", partial(optuna_peer.OptunaTpe, **settings))


def _syne_tune(name: str, scheduler: Any) -> Contestant:
    return _peer(f"syne-{name}", "syne_tune_peer", partial(syne_tune_peer.SyneTune, scheduler=scheduler))


def _ray_tune(name: str, build: Any) -> Contestant:
    return _peer(f"tune-{name}", "ray_tune_peer", partial(ray_tune_peer.RayTune, build=build))


PEERS: dict[str, Contestant] = {
    peer.name: peer
    for peer in (
        _peer("hpbandster-bohb", "hpbandster_peer", hpbandster_peer.HpBandSter),
        _ray_tune("asha", ray_tune_peer.asha),
        _ray_tune("bohb", ray_tune_peer.bohb),
        _ray_tune("hyperopt", ray_tune_peer.hyperopt_full),
        _syne_tune("asha", syne_tune_peer.asha),
        _syne_tune("bohb", syne_tune_peer.bohb),
        _syne_tune("cqr", syne_tune_peer.cqr),
        _optuna("tpe"),
        _optuna("tpe-hyperband", pruner=optuna_peer.hyperband),
        _optuna("tpe-sha", pruner=optuna_peer.successive_halving),
    )
}


def contestant(name: str) -> Contestant:
    """Return a contestant by its name: one of `PEERS`, or `rung-` and a preset or `sampler+scheduler`.

    Raises:
        ValueError: there is none of that name.
    """
    if name.startswith(OURS):
        ours.algorithm(name.removeprefix(OURS))
        return Contestant(name=name, build=partial(ours.build, name.removeprefix(OURS)), module="ours")
    if name not in PEERS:
        raise ValueError(f"method: got {name!r}, must be {OURS}PRESET or one of {', '.join(PEERS)}")
    return PEERS[name]
