"""The search spec: what a person POSTs. Each field says its unit, its default and what the default means.

Values that only a trainable can default (space, metric, budget) are optional here; `service.api.submission` fills them.
Unknown keys and numbers that are not finite are errors everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Names that may become part of a path or a URL: lower-case letters, digits, `_` and `-`."""


class Strict(BaseModel):
    """Base of everything a person sends: unknown keys, NaN, infinities and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, frozen=True)


class Objective(Strict):
    """What is optimised."""

    metric: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Metric that the trainable reports each epoch; default: the trainable's.",
    )
    mode: Literal["min", "max"] | None = Field(
        None,
        description="Whether smaller or larger is better; default: the trainable's, for its own metric only.",
    )
    scope: Literal["best", "last"] = Field("best", description="A trial counts by its best epoch, or by its last.")


class Budget(Strict):
    """When a search is done. The first limit reached ends it."""

    trials: int | None = Field(
        None, ge=1, le=100_000, description="Configurations to try; default: the trainable's, or the whole grid."
    )
    epochs: int | None = Field(
        None, ge=1, le=1_000_000, description="Epochs of a trial that is never stopped early; default: the trainable's."
    )
    seconds: float | None = Field(
        None,
        gt=0,
        description="Wall-clock seconds after the first start; then no new trial starts and running ones finish.",
    )
    gpu_hours: float | None = Field(
        None,
        gt=0,
        description="GPU-hours of all attempts together; nothing begins that would exceed them, at the cap all ends.",
    )
    target: float | None = Field(None, description="Value of the objective at which the search is content and ends.")
    patience: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="The search ends once so many trials ended, early or not, since its best result; null: never.",
    )
    failures: int = Field(10, ge=0, description="Failed trials that are borne; one more fails the search.")


class Resources(Strict):
    """What one trial's gang takes, all on one node."""

    workers: int = Field(1, ge=1, le=1024, description="Processes of the gang: ranks 0..workers-1.")
    cpus_per_worker: float = Field(1.0, gt=0, le=1024, description="Logical CPUs of each rank.")
    gpus_per_worker: float = Field(
        0.0, ge=0, le=64, description="GPUs of each rank: 0, a fraction below 1, or a whole number."
    )

    @field_validator("gpus_per_worker")
    @classmethod
    def _is_grantable(cls, gpus: float) -> float:
        if gpus > 1 and not gpus.is_integer():
            raise ValueError("a fraction below 1 or a whole number, as Ray shares out GPUs")
        return gpus


class Checkpoints(Strict):
    """How often trials are checkpointed, and what is kept."""

    every_epochs: int = Field(
        1, ge=1, description="Epochs between two checkpoints; a new best and the last epoch are always written."
    )
    keep: Literal["best+last", "all"] = Field(
        "best+last", description="Of each trial: its best and newest checkpoint, or all of them."
    )


class Retries(Strict):
    """What happens when an attempt is lost to a crash, a kill or a lost node."""

    attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Attempts that a fault of the gang may end before the trial fails; a lost service does not count.",
    )
    oom: Literal["halve_micro_batch", "fail"] = Field(
        "halve_micro_batch",
        description="What a trial that runs out of memory does: takes the same batches in smaller parts, or fails.",
    )


class TensorBoard(Strict):
    """Event files in each trial's folder `logs/tensorboard` of the checkpoint store."""

    histograms_every: int | None = Field(
        1, ge=1, description="Epochs between two histograms of weights and gradients; null: none."
    )
    samples: int = Field(
        8, ge=1, le=1024, description="Validation samples that a trainable's pictures and meshes are made of."
    )


class MLflow(Strict):
    """A run for each trial, by MLflow's client."""

    tracking_uri: str | None = Field(
        None,
        pattern=r"^https?://",
        max_length=512,
        description="Of the tracking server; default: MLFLOW_TRACKING_URI on the nodes.",
    )
    experiment: str | None = Field(
        None, min_length=1, max_length=256, description="Name of the experiment; default: rung/ and the search's id."
    )


class Wandb(Strict):
    """A run for each trial, by W&B's client; the key is WANDB_API_KEY on the nodes."""

    project: str = Field("rung", min_length=1, max_length=128, description="The project.")
    entity: str | None = Field(None, min_length=1, max_length=128, description="Whose project; default: the key's.")
    mode: Literal["offline", "online"] = Field(
        "offline", description="Files in each trial's folder `logs/wandb` for `wandb sync`, or sending as it trains."
    )


class Integrations(Strict):
    """Other people's tools that rank 0 of each gang writes to; `true` takes one with its defaults."""

    tensorboard: bool | TensorBoard = Field(False, description="TensorBoard's event files.")
    mlflow: bool | MLflow = Field(False, description="Runs of MLflow.")
    wandb: bool | Wandb = Field(False, description="Runs of Weights & Biases.")

    def chosen(self) -> dict[str, dict[str, Any]]:
        """The options of each tool that is asked for, by name."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: {} if options is True else options.model_dump() for name, options in given.items() if options}


class WarmStart(Strict):
    """What a search begins with."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: list[Annotated[str, Field(pattern=r"^[^\x00]{1,64}$")]] = Field(
        default_factory=list,
        alias="from",
        max_length=16,
        description="Ids of searches whose results a model learns from as if they were its own; same metric and mode.",
    )


class SearchSpec(Strict):
    """One search, as `POST /v1/searches` takes it."""

    name: Annotated[str, Field(pattern=NAME)] | None = Field(
        None, description="For people; need not be unique. Default: trainable and algorithm."
    )
    trainable: str = Field(
        min_length=1, max_length=128, description="Name of a registered trainable: GET /v1/trainables."
    )
    space: dict[str, Any] | None = Field(
        None, max_length=500, description="What may vary: parameter name to its description. Default: the trainable's."
    )
    algorithm: dict[str, Any] = Field(
        default_factory=lambda: {"name": "mobster"},
        description="A preset with its options, or {sampler, scheduler}: GET /v1/algorithms.",
    )
    objective: Objective = Field(default_factory=lambda: Objective(), description="What is optimised.")
    budget: Budget = Field(default_factory=lambda: Budget(), description="When the search is done.")
    resources: Resources = Field(default_factory=lambda: Resources(), description="What one trial takes.")
    parallelism: int = Field(
        4, ge=1, le=10_000, description="Trials that run at once at most; the coordinator may grant fewer."
    )
    priority: int = Field(0, ge=-100, le=100, description="Searches of a higher priority are served first.")
    weight: float = Field(1.0, gt=0, le=1000, description="Share of the slots among searches of one priority.")
    deadline: AwareDatetime | None = Field(
        None,
        strict=False,
        description="Time, with its zone, at which the search ends with what it has by then; null: none.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="The same seed and spec propose the same configurations.")
    checkpoints: Checkpoints = Field(default_factory=lambda: Checkpoints(), description="How often and what is kept.")
    retries: Retries = Field(default_factory=lambda: Retries(), description="What a lost attempt leads to.")
    integrations: Integrations = Field(
        default_factory=lambda: Integrations(),
        description="Curves and pictures in other people's tools; default: none.",
    )
    warm_start: WarmStart = Field(
        default_factory=lambda: WarmStart(), description="What it begins with; default: nothing."
    )
    enqueue: list[dict[str, Any]] = Field(
        default_factory=list,
        max_length=1000,
        description="Configurations to try first; parameters left out are sampled.",
    )
    tags: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict, max_length=32, description="For people and filters."
    )
