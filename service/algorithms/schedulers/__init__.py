"""Schedulers: who trains on, who waits and who ends early. One algorithm a file; base.py has their contract."""

from service.algorithms.schedulers.asha import Asha
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.hyperband import HyperBand
from service.algorithms.schedulers.median import MedianStopping
from service.algorithms.schedulers.pbt import Pbt
from service.algorithms.schedulers.promotion import AshaPromotion
from service.algorithms.schedulers.unscheduled import Unscheduled

__all__ = ["Asha", "AshaPromotion", "HyperBand", "MedianStopping", "Pbt", "Scheduler", "Unscheduled"]
