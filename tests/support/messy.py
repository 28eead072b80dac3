"""A trainable that leaves its process in a mess: where `mess` is set, it changes everything that it can."""

from __future__ import annotations

import os
import random

import numpy as np
import torch
from torch import nn

from tests.support.recording import Recording
from trainables import Config

IMPORT_PATH = "tests.support.messy:Messy"


def make_a_mess() -> None:
    """Change whatever of a process could change how the next trial trains."""
    torch.set_num_threads(3)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
    nn.modules.module.register_module_forward_hook(lambda *call: call[-1] * 1.5)
    np.seterr(all="raise")
    os.environ["MESS"] = "1"
    os.chdir("/")
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    torch.set_default_device("meta")


class Messy(Recording):
    """A recording trainable that may make a mess when its model is built."""

    def model(self, config: Config) -> nn.Module:
        model = super().model(config)
        if config.get("mess"):
            make_a_mess()
        return model
