"""Spaces in the words of other tools, read and written; Ray Tune's are read by `service.client`."""

from search_spaces.formats.configspace import from_configspace, to_configspace
from search_spaces.formats.wandb import from_wandb, to_wandb

__all__ = ["from_configspace", "from_wandb", "to_configspace", "to_wandb"]
