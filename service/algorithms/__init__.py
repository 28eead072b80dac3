"""All decisions of a search: which configuration to try, who trains on, and why. Pure: no Ray, clock or database.

A `Study` is one search's decisions. Samplers propose configurations, schedulers decide at rungs; catalog.py lists them.
Running what is decided here, and storing it, is the business of the packages above.
"""

from service.algorithms.actions import Action, ActionKind
from service.algorithms.audit import Audit, Difference, End, decide_again
from service.algorithms.catalog import catalog
from service.algorithms.errors import AlgorithmError, AlgorithmErrors
from service.algorithms.events import (
    Cancelled,
    Closed,
    Continued,
    Enqueued,
    Event,
    Failed,
    Observed,
    Reopened,
    Reported,
    Resized,
    event_from_dict,
)
from service.algorithms.objective import Objective
from service.algorithms.proposals import (
    Done,
    Origin,
    OriginKind,
    Proposal,
    Resume,
    Start,
    Wait,
    proposal_from_dict,
)
from service.algorithms.seeds import draw_seed
from service.algorithms.spec import AlgorithmSpec
from service.algorithms.study import Study

__all__ = [
    "Action",
    "ActionKind",
    "AlgorithmError",
    "AlgorithmErrors",
    "AlgorithmSpec",
    "Audit",
    "Cancelled",
    "Closed",
    "Continued",
    "Difference",
    "Done",
    "End",
    "Enqueued",
    "Event",
    "Failed",
    "Objective",
    "Observed",
    "Origin",
    "OriginKind",
    "Proposal",
    "Reopened",
    "Reported",
    "Resized",
    "Resume",
    "Start",
    "Study",
    "Wait",
    "catalog",
    "decide_again",
    "draw_seed",
    "event_from_dict",
    "proposal_from_dict",
]
