"""Samplers: which configuration to try next. One algorithm a file; base.py has their contract."""

from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.gp import GpSampler
from service.algorithms.samplers.grid import GridSampler
from service.algorithms.samplers.kde import KdeSampler
from service.algorithms.samplers.quasi_random import QuasiRandomSampler
from service.algorithms.samplers.random import RandomSampler
from service.algorithms.samplers.tpe import TpeSampler

__all__ = ["GpSampler", "GridSampler", "KdeSampler", "QuasiRandomSampler", "RandomSampler", "Sampler", "TpeSampler"]
