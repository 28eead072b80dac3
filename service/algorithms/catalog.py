"""The tables of samplers, schedulers and presets. To add an algorithm, write its file and add its row here.

How a spec's section becomes a choice from these tables is in spec.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from search_spaces import Space
from service.algorithms.objective import Objective
from service.algorithms.options import AnyOption, NamesOption, Option
from service.algorithms.samplers import (
    GpSampler,
    GridSampler,
    KdeSampler,
    QuasiRandomSampler,
    RandomSampler,
    Sampler,
    TpeSampler,
)
from service.algorithms.schedulers import (
    Asha,
    AshaPromotion,
    HyperBand,
    MedianStopping,
    Pbt,
    Scheduler,
    Unscheduled,
)

Options = Mapping[str, Any]


class Setting(NamedTuple):
    """What a sampler or a scheduler is built for; each takes what it needs."""

    space: Space
    objective: Objective
    seed: int
    max_epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerRow:
    """A sampler that a spec can name."""

    description: str
    build: Callable[[Setting, Options], Sampler]
    options: tuple[AnyOption, ...] = ()
    learns: bool = False
    """Whether it has a model of the results, for which other searches' are of use."""
    needs_parameters: bool = False
    """Whether it has nothing to model in a space where nothing varies."""
    finite: bool = False
    """Whether it proposes each point of a finite space once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerRow:
    """A scheduler that a spec can name."""

    description: str
    build: Callable[[Setting, Options], Scheduler]
    options: tuple[AnyOption, ...] = ()
    clones: bool = False
    """Whether it ends trials to begin copies of others with configurations of its own."""
    between_rungs: bool = False
    """Whether it also decides about epochs between its rungs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A name for a sampler and a scheduler together."""

    sampler: str
    scheduler: str
    description: str
    paper: str


_RUNGS = (
    Option(
        name="reduction_factor",
        default=3,
        low=2,
        high=16,
        description="eta: about one in so many trials passes a rung, and rungs lie that factor of epochs apart.",
    ),
    Option(name="min_epochs", default=1, low=1, high=1_000_000, description="Epochs before the first rung, at least."),
)

_MEDIAN = (
    Option(
        name="grace_epochs",
        default=None,
        low=1,
        high=1_000_000,
        description="Epochs in which nobody is stopped; null: a tenth of the epochs.",
    ),
    Option(
        name="min_trials",
        default=3,
        low=1,
        high=100_000,
        description="Others that must have reported an epoch before anybody is stopped there.",
    ),
)

_PBT = (
    Option(
        name="population",
        default=None,
        low=2,
        high=100_000,
        description="Members that train side by side; null: all trials of the budget. Clones are not counted.",
    ),
    Option(
        name="interval",
        default=None,
        low=1,
        high=1_000_000,
        description="Epochs from one meeting of the members to the next; null: a tenth of the epochs.",
    ),
    Option(
        name="quantile",
        default=0.25,
        low=0.01,
        high=0.5,
        description="Share of the members that end at a meeting, and of those that are copied in their place.",
    ),
    Option(
        name="resample_probability",
        default=0.25,
        low=0.0,
        high=1.0,
        description="How likely a clone's parameter is drawn anew; else a number is multiplied by 0.8 or 1.2.",
    ),
    NamesOption(
        name="keep",
        description="Parameters that a clone takes over unchanged: those that give the weights their shape.",
    ),
)

_KDE = (
    Option(
        name="random_fraction", default=1 / 3, low=0.0, high=1.0, description="Share of configurations drawn at random."
    ),
    Option(
        name="top_percent", default=15, low=1, high=50, description="Percentage of results that count as the good ones."
    ),
    Option(name="candidates", default=64, low=1, high=4096, description="Draws of which the most promising is taken."),
    Option(
        name="bandwidth_factor", default=3.0, low=0.1, high=100.0, description="Widens the draws around good results."
    ),
    Option(
        name="min_bandwidth",
        default=1e-3,
        low=1e-9,
        high=1.0,
        description="Least width of a density, in units of a parameter's range; keeps diversity among equal results.",
    ),
    Option(
        name="min_points",
        default=None,
        low=1,
        high=100_000,
        description="Results that each density needs; null and too small values: one more than there are parameters.",
    ),
    Option(
        name="max_points",
        default=1000,
        low=100,
        high=100_000,
        description="Results that a model reads at most: the best, and a fair choice of the rest.",
    ),
)

_TPE = (
    Option(
        name="startup_trials",
        default=10,
        low=1,
        high=100_000,
        description="Trials with a result before the first model.",
    ),
    Option(name="candidates", default=24, low=1, high=4096, description="Draws of which the most promising is taken."),
    Option(
        name="gamma",
        default=0.1,
        low=0.01,
        high=0.5,
        description="Share of the results that count as the good ones, at most 25 of them.",
    ),
    Option(
        name="prior_weight",
        default=1.0,
        low=0.01,
        high=100.0,
        description="Weight of the prior, in units of one result.",
    ),
    Option(
        name="max_points",
        default=400,
        low=100,
        high=100_000,
        description="Results that a model reads at most: the best, and a fair choice of the rest.",
    ),
)

_GP = (
    Option(
        name="startup_trials",
        default=None,
        low=1,
        high=100_000,
        description="Trials with a result before the first model; null: one more than parameters, at least 8.",
    ),
    Option(
        name="random_fraction",
        default=None,
        low=0.0,
        high=1.0,
        description="Share of configurations drawn at random; null: half where there are rungs to stop at, else 0.1.",
    ),
    Option(
        name="candidates",
        default=32,
        low=4,
        high=100_000,
        description="Draws of which the most promising is taken; more of them trust the model more.",
    ),
    Option(
        name="max_points",
        default=250,
        low=20,
        high=2_000,
        description="Results that the model reads at most; a decision takes time in proportion to its square.",
    ),
)

SAMPLERS: dict[str, SamplerRow] = {
    "grid": SamplerRow(
        description="Every distinct configuration of a finite space once, in a fixed order.",
        build=lambda setting, _options: GridSampler(setting.space, setting.seed),
        finite=True,
    ),
    "random": SamplerRow(
        description="Independent draws from the space.",
        build=lambda setting, _options: RandomSampler(setting.space, setting.seed),
    ),
    "quasi_random": SamplerRow(
        description="A scrambled Sobol sequence: fills the space more evenly than independent draws.",
        build=lambda setting, _options: QuasiRandomSampler(setting.space, setting.seed),
    ),
    "kde": SamplerRow(
        description="BOHB's kernel densities over the results of the highest rung that has enough of them.",
        build=lambda setting, options: KdeSampler(setting.space, setting.seed, **options),
        options=_KDE,
        learns=True,
        needs_parameters=True,
    ),
    "gp": SamplerRow(
        description="A Gaussian process over configurations and epochs, fitted to the results of all rungs together.",
        build=lambda setting, options: GpSampler(setting.space, setting.seed, setting.max_epochs, **options),
        options=_GP,
        learns=True,
    ),
    "tpe": SamplerRow(
        description="Tree-structured Parzen estimator over what the trials came to.",
        build=lambda setting, options: TpeSampler(setting.space, setting.objective, setting.seed, **options),
        options=_TPE,
        learns=True,
        needs_parameters=True,
    ),
}

SCHEDULERS: dict[str, SchedulerRow] = {
    "none": SchedulerRow(
        description="Every trial trains to its last epoch.",
        build=lambda setting, _options: Unscheduled(setting.max_epochs, setting.objective),
    ),
    "asha": SchedulerRow(
        description="Stops a trial that is not in the top 1/eta of its rung so far (stopping variant: nobody pauses).",
        build=lambda setting, options: Asha(setting.max_epochs, setting.objective, **options),
        options=_RUNGS,
    ),
    "asha_promotion": SchedulerRow(
        description="Pauses trials at rungs and promotes whoever is in the top 1/eta, at once (promotion variant).",
        build=lambda setting, options: AshaPromotion(setting.max_epochs, setting.objective, **options),
        options=_RUNGS,
    ),
    "hyperband": SchedulerRow(
        description="Brackets of synchronous successive halving, the most aggressive first; trials pause at rungs.",
        build=lambda setting, options: HyperBand(setting.max_epochs, setting.objective, **options),
        options=_RUNGS,
    ),
    "median": SchedulerRow(
        description="Stops a trial whose best so far is worse than the median of the others' mean values.",
        build=lambda setting, options: MedianStopping(setting.max_epochs, setting.objective, **options),
        options=_MEDIAN,
        between_rungs=True,
    ),
    "pbt": SchedulerRow(
        description="Members meet at intervals; the worst end, and altered clones of the best take their places.",
        build=lambda setting, options: Pbt(
            setting.max_epochs, setting.objective, space=setting.space, seed=setting.seed, **options
        ),
        options=_PBT,
        clones=True,
    ),
}

PRESETS: dict[str, Preset] = {
    "mobster": Preset(
        sampler="gp",
        scheduler="asha_promotion",
        description="The default: a model of all rungs proposes; whoever is among the best trains on, without waiting.",
        paper="Klein et al., Model-based Asynchronous Hyperparameter and Neural Architecture Search, arXiv 2003.10865",
    ),
    "grid": Preset(
        sampler="grid",
        scheduler="none",
        description="Tries everything in a small, finite space.",
        paper="",
    ),
    "random": Preset(
        sampler="random",
        scheduler="none",
        description="The baseline that every other algorithm has to beat.",
        paper="Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012",
    ),
    "asha": Preset(
        sampler="random",
        scheduler="asha",
        description="Random configurations, bad ones stopped early, no waiting: a safe first choice on many slots.",
        paper="Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (stopping variant)",
    ),
    "hyperband": Preset(
        sampler="random",
        scheduler="hyperband",
        description="Random configurations in brackets that hedge between many short and few long trials.",
        paper="Li et al., Hyperband: A Novel Bandit-Based Approach, JMLR 18(185), 2018",
    ),
    "bohb": Preset(
        sampler="kde",
        scheduler="hyperband",
        description="HyperBand's brackets, filled from a model of the results.",
        paper="Falkner et al., BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018",
    ),
    "tpe": Preset(
        sampler="tpe",
        scheduler="none",
        description="Full trainings, each chosen by a model of those before: for few, expensive trials.",
        paper="Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011",
    ),
    "pbt": Preset(
        sampler="random",
        scheduler="pbt",
        description="One population whose configurations change while it trains: for schedules, on many slots.",
        paper="Jaderberg et al., Population Based Training of Neural Networks, 2017",
    ),
    "median": Preset(
        sampler="random",
        scheduler="median",
        description="Random configurations; those that do worse than half of the others are stopped. No rungs to set.",
        paper="Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.2.2",
    ),
}


def catalog() -> list[dict[str, Any]]:
    """Return the presets with their parts, options and papers, as GET /v1/algorithms shows them."""
    return [
        {
            "name": name,
            "description": preset.description,
            "paper": preset.paper,
            "sampler": preset.sampler,
            "sampler_description": SAMPLERS[preset.sampler].description,
            "scheduler": preset.scheduler,
            "scheduler_description": SCHEDULERS[preset.scheduler].description,
            "options": [
                option.to_dict()
                for option in (*SAMPLERS[preset.sampler].options, *SCHEDULERS[preset.scheduler].options)
            ],
        }
        for name, preset in PRESETS.items()
    ]
