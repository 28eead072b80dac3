"""MLflow: a run for each trial in an experiment for each search, by MLflow's own client.

Options: `tracking_uri` (default: the workers' MLFLOW_TRACKING_URI) and `experiment` (default: "rung/<id of the
search>"). A trial's later attempts go on in its run. Credentials are the operator's, in the workers' environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.assignment import Assignment
from trainables.integrations.logger import Memory, Moment

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow's own settings, which would have a trial wait minutes for a server that is gone; the operator's go first."""


def open_logger(assignment: Assignment, options: Mapping[str, Any], _: Path, memory: Memory) -> MlflowRun:
    """Open the trial's run, or go on with it."""
    return MlflowRun(assignment, options, memory)


class MlflowRun:
    """The run of one trial."""

    def __init__(self, assignment: Assignment, options: Mapping[str, Any], memory: Memory) -> None:
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._client, self._metric = MlflowClient(tracking_uri=options.get("tracking_uri")), Metric
        if "run" not in memory:
            name = options.get("experiment") or f"rung/{assignment.search}"
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self._client.create_experiment(name)
            tags = {"rung.search": assignment.search, "rung.trial": str(assignment.trial)}
            run = self._client.create_run(experiment, tags=tags, run_name=f"trial-{assignment.trial:04d}")
            memory["run"] = run.info.run_id
            parameters = [Param(name, str(value)) for name, value in assignment.config.items()]
            self._client.log_batch(memory["run"], params=parameters)
        self._run = memory["run"]

    def log(self, moment: Moment) -> tuple[str, ...]:
        """Send an epoch."""
        now = int(time.time() * 1000)
        values = {**moment.metrics, **{f"resources/{name}": value for name, value in moment.resources.items()}}
        metrics = [self._metric(name, value, now, moment.epoch) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)
        return ()

    def close(self) -> None:
        """Do nothing: the trial may go on in another attempt, so that its run stays open."""
