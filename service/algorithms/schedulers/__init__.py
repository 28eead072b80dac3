"""Schedulers: who trains on, who waits and who ends early. One algorithm a file; base.py has their contract."""

from service.algorithms.schedulers.asha import Asha
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.hyperband import HyperBand
from service.algorithms.schedulers.unscheduled import Unscheduled

__all__ = ["Asha", "HyperBand", "Scheduler", "Unscheduled"]
