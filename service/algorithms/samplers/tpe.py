"""TPE: the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011, section 4), by hyperopt as a library.

Every parameter is one flat label, numeric ones in the unit interval; a parameter that is inactive in a configuration
has no value there, which is how hyperopt's own posterior knows conditional spaces. The priors are the space's, not
hyperopt's, whose integer priors give the two ends half their weight.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces import Space
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.vectors import Vectors
from service.algorithms.trials import Trials

_MOST_GOOD = 25
"""hyperopt's own limit on the number of good results, which no option of its changes."""


class TpeSampler(Sampler):
    """Models the results of one rung, the highest that has enough of them: the start-up's number.

    So a trial stopped at epoch 1 is never compared with one at epoch 52. A trial that trains on, waits or was stopped
    counts by what it had at that rung; one that has gone no further, by its best epoch if the objective's scope is the
    best. A failed trial counts with the worst loss, and so does a result that is not finite. Trials without a result
    are not counted, so parallel workers do not shorten the start-up; but no configuration is proposed twice.

    The alternative, all trials in the order of the furthest rung and then of the loss there, as Optuna has it, takes a
    lucky early climber for a good one, and brought no more under ASHA.

    Of more than `max_points` results the model reads so many: the best of them, and others at even distances in the
    order of their losses; as many of them count as good as would of all.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        *,
        startup_trials: int,
        candidates: int,
        gamma: float,
        prior_weight: float,
        max_points: int,
    ) -> None:
        super().__init__(space, seed)
        self._objective = objective
        self._startup_trials = startup_trials
        self._gamma = gamma
        self._settings = {"n_EI_candidates": candidates, "prior_weight": prior_weight}
        self._max_points = max_points
        self._labels = dict(zip(space.vector_names, space.cardinalities, strict=True))
        self._domain: Any = None
        self._vectors = Vectors(space)

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return a draw from the model once the start-up is over, a random one before."""
        rungs = trials.rungs()
        enough = (epochs for epochs, losses in rungs.items() if len(losses) >= self._startup_trials)
        budget = max(enough, default=None)
        if budget is None:
            most = max((len(losses) for losses in rungs.values()), default=0)
            text = f"drawn at random: {most} of {self._startup_trials} start-up trials have a result"
            return self.draw_random(seed, text, model_based_pick=False)
        losses = self._counting(budget, rungs[budget], trials)
        subset = self._subset(losses)
        gamma = self._gamma * math.sqrt(len(losses) / len(subset))  # as many good ones as of all results
        vector = self._suggest(seed, subset, gamma, trials)
        data = {"model_based_pick": True, "budget": budget, "points": len(losses)}
        text = f"drawn from the model of {len(losses)} results at epoch {budget}"
        return self.space.from_vector(vector), Origin(kind=OriginKind.MODEL, text=text, data=data)

    def _counting(self, budget: int, losses: Mapping[int, float], trials: Trials) -> dict[int, float]:
        """Return trial -> the loss that counts at a rung."""
        return {
            trial: record.result(self._objective)[0] if record.last_epoch == budget else loss
            for trial, loss, record in ((trial, loss, trials[trial]) for trial, loss in losses.items())
        }

    def _subset(self, losses: Mapping[int, float]) -> Mapping[int, float]:
        if len(losses) <= self._max_points:
            return losses
        ranked = sorted(losses, key=lambda trial: (losses[trial], trial))
        num_best = min(_MOST_GOOD, self._max_points // 2)
        chosen = np.linspace(num_best, len(ranked) - 1, self._max_points - num_best).astype(int)
        return {trial: losses[trial] for trial in (*ranked[:num_best], *(ranked[position] for position in chosen))}

    def _suggest(self, seed: int, losses: Mapping[int, float], gamma: float, trials: Trials) -> "np.ndarray[Any, Any]":
        from hyperopt import base, tpe  # only TPE searches need it

        if self._domain is None:
            self._domain = base.Domain(lambda _: 0.0, {name: self._prior(name) for name in self._labels})
        documents = [self._document(trial, losses[trial], trials) for trial in sorted(losses)]
        history = base.trials_from_docs(documents, validate=False)
        (document,) = tpe.suggest(
            [len(trials)], self._domain, history, seed, n_startup_jobs=0, verbose=False, gamma=gamma, **self._settings
        )
        values = document["misc"]["vals"]
        return np.array([values[name][0] if values[name] else np.nan for name in self._labels], dtype=np.float64)

    def _prior(self, name: str) -> Any:
        from hyperopt import hp

        num_choices = self._labels[name]
        return hp.randint(name, num_choices) if num_choices else hp.uniform(name, 0.0, 1.0)

    def _document(self, trial: int, loss: float, trials: Trials) -> dict[str, Any]:
        values = {
            name: [] if np.isnan(value) else [int(value) if size else float(value)]
            for (name, size), value in zip(self._labels.items(), self._vectors.of(trials[trial]), strict=True)
        }
        return {
            "tid": trial,
            "state": 2,  # hyperopt's JOB_STATE_DONE
            "spec": None,
            "result": {"status": "ok", "loss": loss},
            "misc": {
                "tid": trial,
                "cmd": None,
                "workdir": None,
                "idxs": {name: [trial] * len(value) for name, value in values.items()},
                "vals": values,
            },
            "owner": None,
            "book_time": None,
            "refresh_time": None,
            "exp_key": None,
            "version": 0,
        }
