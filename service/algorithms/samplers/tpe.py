"""TPE: the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011, section 4), by hyperopt as a library.

Every parameter is one flat label, numeric ones in the unit interval; a parameter that is inactive in a configuration
has no value there, which is how hyperopt's own posterior knows conditional spaces. The priors are the space's, not
hyperopt's, whose integer priors give the two ends half their weight.
"""

from typing import Any

import numpy as np

from search_spaces import Space
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.trials import Phase, TrialRecord, Trials


class TpeSampler(Sampler):
    """Models what trials came to under the objective's scope, stopped and paused ones included.

    The start-up counts trials that came to something, not trials proposed; so parallel workers do not shorten it.
    Running trials are left out: a curve's beginning says little about its end. A failed trial has the worst loss.
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
    ) -> None:
        super().__init__(space, seed)
        self._objective = objective
        self._startup_trials = startup_trials
        self._settings = {"n_EI_candidates": candidates, "gamma": gamma, "prior_weight": prior_weight}
        self._labels = dict(zip(space.vector_names, space.cardinalities, strict=True))
        self._domain: Any = None
        self._values: dict[int, dict[str, list[float]]] = {}

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return a draw from the model once the start-up is over, a random one before."""
        observed = trials.in_phase(Phase.PAUSED, Phase.ENDED, Phase.FAILED)
        if len(observed) < self._startup_trials:
            text = f"drawn at random: {len(observed)} of {self._startup_trials} start-up trials have a result"
            return self.draw_random(seed, text, model_based_pick=False)
        vector = self._suggest(seed, observed)
        data = {"model_based_pick": True, "points": len(observed)}
        text = f"drawn from the model of {len(observed)} results"
        return self.space.from_vector(vector), Origin(kind=OriginKind.MODEL, text=text, data=data)

    def _suggest(self, seed: int, observed: list[TrialRecord]) -> "np.ndarray[Any, np.dtype[np.float64]]":
        from hyperopt import base, tpe  # only TPE searches need it

        if self._domain is None:
            self._domain = base.Domain(lambda _: 0.0, {name: self._prior(name) for name in self._labels})
        history = base.trials_from_docs([self._document(record) for record in observed], validate=False)
        new_id = observed[-1].trial + 1
        (document,) = tpe.suggest(
            [new_id], self._domain, history, seed, n_startup_jobs=0, verbose=False, **self._settings
        )
        values = document["misc"]["vals"]
        return np.array([values[name][0] if values[name] else np.nan for name in self._labels], dtype=np.float64)

    def _prior(self, name: str) -> Any:
        from hyperopt import hp

        num_choices = self._labels[name]
        return hp.randint(name, num_choices) if num_choices else hp.uniform(name, 0.0, 1.0)

    def _document(self, record: TrialRecord) -> dict[str, Any]:
        values = self._values_of(record)
        loss = float("inf") if record.phase is Phase.FAILED else record.result(self._objective)[0]
        return {
            "tid": record.trial,
            "state": 2,  # hyperopt's JOB_STATE_DONE
            "spec": None,
            "result": {"status": "ok", "loss": loss},
            "misc": {
                "tid": record.trial,
                "cmd": None,
                "workdir": None,
                "idxs": {name: [record.trial] * len(value) for name, value in values.items()},
                "vals": values,
            },
            "owner": None,
            "book_time": None,
            "refresh_time": None,
            "exp_key": None,
            "version": 0,
        }

    def _values_of(self, record: TrialRecord) -> dict[str, list[float]]:
        if record.trial not in self._values:
            vector = self.space.to_vector(record.config)
            self._values[record.trial] = {
                name: [] if np.isnan(value) else [int(value) if self._labels[name] else float(value)]
                for name, value in zip(self._labels, vector, strict=True)
            }
        return self._values[record.trial]
