"""From what a person POSTs to what is stored: reads the spec, fills in what its trainable suggests, and refuses early.

Pure but for importing trainables. Whatever is wrong is an `InvalidInput` with the path of each fault, and nothing is
stored. That the database has room, or that a node is free just now, is not asked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from search_spaces import Space, SpaceError, SpaceErrors
from service.algorithms import AlgorithmError, AlgorithmErrors, AlgorithmSpec, Objective, Observed, Start
from service.algorithms.forecast import Forecast, forecast
from service.coordinator import Claim, Node, capacity
from service.errors import FieldFault, InvalidInput, MalformedBody, UnsupportedMediaType
from service.runner import study_of
from service.schemas import SearchSpec, parse_spec
from trainables import Registry, UnknownTrainableError
from trainables.integrations.catalog import missing
from trainables.training.settings import RESERVED, fault

T = TypeVar("T")

_MAX_DEPTH = 32
"""Nesting that no spec needs; deeper bodies are refused before anything recurses into them."""

_MAX_INT = 10**18
"""Whole numbers beyond it are refused: neither a database nor a float holds them all."""

_FIRST_PROPOSALS = 3
"""Proposals that `:validate` shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A spec that would run.

    Attributes:
        spec: resolved: every default filled in.
        trainable_path: `module:Class`.
        space: parsed.
        algorithm: parsed.
        slots: gangs that the cluster could run at once if it had nothing else to do.
    """

    spec: SearchSpec
    trainable_path: str
    space: Space
    algorithm: AlgorithmSpec
    slots: int

    @property
    def grid_size(self) -> int | None:
        """Distinct configurations of the space, None if infinitely many."""
        try:
            return self.space.grid_size()
        except SpaceError:
            return None

    @property
    def rungs(self) -> list[int]:
        """The epochs at which the scheduler decides."""
        objective, epochs = self.spec.objective, self.spec.budget.epochs
        assert objective.metric is not None
        assert objective.mode is not None
        assert epochs is not None
        read = Objective(metric=objective.metric, mode=objective.mode, scope=objective.scope)
        return list(self.algorithm.build_scheduler(self.space, read, self.spec.seed, epochs).levels)


def read_body(body: bytes, content_type: str) -> Any:
    """Reads JSON or YAML.

    Raises:
        UnsupportedMediaType: it is neither by its content type.
        MalformedBody: it cannot be parsed, or is nested too deeply.
        InvalidInput: a text or number in it that could not be stored.
    """
    kind = content_type.partition(";")[0].strip().lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise UnsupportedMediaType(
            f"Content-Type: got {kind or 'nothing'}, must be one of {', '.join(_READERS)}; set the header"
        )
    try:
        raw = reader(body)
        faults = list(_unstorable(raw, "", _MAX_DEPTH))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise MalformedBody.of(FieldFault(path="(body)", message=f"got a body that cannot be read: {reason}")) from None
    if faults:
        raise InvalidInput.of(*faults)
    return raw


def resolve(raw: Any, registry: Registry, nodes: Sequence[Node]) -> Submission:
    """Checks a spec against its trainable, its algorithm and the cluster.

    Args:
        raw: the parsed body.
        registry: the trainables there are.
        nodes: the cluster's nodes.

    Raises:
        InvalidInput: with one fault for each thing that is wrong, as far as it could be looked at.
    """
    spec = parse_spec(raw)
    described = _describe(spec.trainable, registry)
    faults: list[FieldFault] = []
    space = _collect(faults, lambda: Space.parse(spec.space if spec.space is not None else described["space"]))
    algorithm = _collect(faults, lambda: AlgorithmSpec.parse(spec.algorithm))
    epochs = spec.budget.epochs or described["budget"].get("epochs", 1)
    metric = spec.objective.metric or described["objective"]["metric"]
    faults += _metric_faults(metric, spec.objective.mode, described)
    slots = capacity(nodes, _claim(spec))
    faults += _resource_faults(spec, nodes, slots)
    faults += [
        FieldFault(path=f"integrations.{name}", message=message)
        for name, message in missing(spec.integrations.chosen()).items()
    ]
    if space is not None and not described["is_function"]:
        faults += _reserved_faults(space)
    if space is not None and algorithm is not None:
        algorithm = algorithm.keeping(described["shape_parameters"], space)
        _collect(faults, lambda: algorithm.accepts(space, epochs))
        _collect(faults, lambda: [space.complete(c, 0, path=f"enqueue.{i}") for i, c in enumerate(spec.enqueue)])
    if faults or space is None or algorithm is None:
        raise InvalidInput.of(*faults)
    mode = spec.objective.mode or described["objective"]["mode"]
    trials = algorithm.num_trials(space, spec.budget.trials, described["budget"].get("trials", 1))
    resolved = spec.model_copy(
        update={
            "space": space.to_dict(),
            "algorithm": algorithm.to_dict(),
            "name": spec.name or _default_name(spec.trainable, algorithm),
            "objective": spec.objective.model_copy(update={"metric": metric, "mode": mode}),
            "budget": spec.budget.model_copy(update={"trials": trials, "epochs": epochs}),
        }
    )
    return Submission(
        spec=parse_spec(resolved.model_dump(mode="json")),  # what a trainable suggests is checked like a person's word
        trainable_path=registry.find(spec.trainable),
        space=space,
        algorithm=algorithm,
        slots=slots,
    )


def first_proposals(submission: Submission, facts: Sequence[Observed] = ()) -> list[dict[str, Any]]:
    """What the search would try first: configuration and origin of its first trials, fewer if it has fewer.

    Args:
        submission: the search.
        facts: what it begins with.
    """
    study = study_of(submission.spec, [])
    for fact in facts:
        study.tell(fact)
    proposals = []
    for _ in range(_FIRST_PROPOSALS):
        proposal = study.next()
        if not isinstance(proposal, Start):
            break
        proposals.append({"config": dict(proposal.config), "origin": proposal.origin.to_dict()})
    return proposals


def cost_of(submission: Submission) -> Forecast:
    """What the search would train and how long that takes, if the whole cluster were its own."""
    budget = submission.spec.budget
    assert budget.trials is not None
    assert budget.epochs is not None
    return forecast(
        submission.algorithm,
        trials=budget.trials,
        epochs=budget.epochs,
        slots=min(submission.slots, submission.spec.parallelism),
        seed=submission.spec.seed,
    )


def _default_name(trainable: str, algorithm: AlgorithmSpec) -> str:
    used = algorithm.preset or f"{algorithm.sampler.name}-{algorithm.scheduler.name}"
    return re.sub(r"[^a-z0-9_-]+", "-", f"{trainable}-{used}".lower()).lstrip("_-")[:63]


def _describe(name: str, registry: Registry) -> Mapping[str, Any]:
    try:
        registry.find(name)
    except UnknownTrainableError as error:
        raise InvalidInput.of(FieldFault(path="trainable", message=str(error))) from None
    described = next(row for row in registry.describe() if row["name"] == name)
    if "error" in described:
        raise InvalidInput.of(
            FieldFault(path="trainable", message=f"got {name!r}, which cannot be loaded: {described['error']}")
        )
    return described


def _metric_faults(metric: str, mode: str | None, described: Mapping[str, Any]) -> list[FieldFault]:
    reported, suggested = list(described["metrics"]), described["objective"]["metric"]
    if metric not in reported and not described["is_function"]:  # a function need not declare all that it reports
        must = f"must be one that {described['name']} reports: {', '.join(reported)}; correct it"
        return [FieldFault(path="objective.metric", message=f"got {metric!r}, {must}")]
    if mode is None and metric != suggested:  # the suggested mode speaks of the suggested metric alone
        must = f"must be min or max with another metric than {suggested}, here {metric}; add it"
        return [FieldFault(path="objective.mode", message=f"got nothing, {must}")]
    return []


def _reserved_faults(space: Space) -> list[FieldFault]:
    """Parameters that the training loop reads, where the space has a value that it would refuse."""
    faults = []
    for parameter in space.parameters:
        if parameter.name in RESERVED:
            entry = parameter.to_dict()
            bounds = [entry[key] for key in ("low", "high", "value") if key in entry]
            problems = [fault(parameter.name, value) for value in entry.get("choices", bounds or [False, True])]
            faults += [FieldFault(path=f"space.{parameter.name}", message=found) for found in problems if found][:1]
    return faults


def _resource_faults(spec: SearchSpec, nodes: Sequence[Node], slots: int) -> list[FieldFault]:
    if slots:
        return []
    resources = spec.resources
    asks = (
        ("gpus_per_worker", "GPUs", resources.gpus_per_worker, max((node.gpus for node in nodes), default=0.0)),
        ("cpus_per_worker", "CPUs", resources.cpus_per_worker, max((node.cpus for node in nodes), default=0.0)),
    )
    faults = [
        FieldFault(
            path=f"resources.{field}",
            message=f"asks for {resources.workers * each:g} {what} on one node; the largest node has {largest:g}; "
            "ask for fewer workers, or less for each",
        )
        for field, what, each, largest in asks
        if resources.workers * each > largest
    ]
    return faults or [
        FieldFault(path="resources", message="no single node has these CPUs and GPUs together; ask for less of one")
    ]


def _claim(spec: SearchSpec) -> Claim:
    resources = spec.resources
    return Claim(
        search="",
        workers=resources.workers,
        cpus=resources.cpus_per_worker,
        gpus=resources.gpus_per_worker,
        demand=spec.parallelism,
    )


def _collect(faults: list[FieldFault], check: Callable[[], T]) -> T | None:
    """The result of `check`; None after its faults were added to `faults`."""
    try:
        return check()
    except (SpaceErrors, AlgorithmErrors) as errors:
        faults += [FieldFault(path=error.path, message=error.message) for error in errors.errors]
    except (SpaceError, AlgorithmError) as error:
        faults.append(FieldFault(path=error.path, message=error.message))
    return None


def _read_json(body: bytes) -> Any:
    return json.loads(body)


def _read_yaml(body: bytes) -> Any:
    return yaml.load(body.decode(), Loader=_Loader)  # noqa: S506 - it is a SafeLoader  # nosec B506


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them stand for more values than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name); write the value out instead")
        return super().compose_node(parent, index)


def _unstorable(value: Any, path: str, left: int) -> Iterator[FieldFault]:
    """Faults of what JSON and YAML can say but the ledger cannot keep, or an answer not repeat."""
    if left == 0:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, str) and not _is_text(value):
        yield FieldFault(path=path or "(body)", message=f"got {value!a:.80}, {_TEXT}")
    elif isinstance(value, int) and abs(value) > _MAX_INT:
        message = f"got a whole number of {len(str(abs(value)))} digits, must be from -10**18 to 10**18; correct it"
        yield FieldFault(path=path or "(body)", message=message)
    elif isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str) and not _is_text(key):
                yield FieldFault(path=path or "(body)", message=f"got the key {key!a:.80}, {_TEXT}")
            else:
                yield from _unstorable(child, f"{path}.{key}" if path else str(key), left - 1)


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


_TEXT = "must be text without NUL and without halves of surrogate pairs; remove them"


_READERS: Mapping[str, Callable[[bytes], Any]] = {
    "application/json": _read_json,
    "application/yaml": _read_yaml,
    "application/x-yaml": _read_yaml,
    "text/yaml": _read_yaml,
}
