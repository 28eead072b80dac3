"""One line about the machine that a figure was measured on."""

from __future__ import annotations

import platform

import psutil
import ray
import torch


def describe() -> str:
    """Cores, memory, versions."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Ray {ray.__version__}, torch {torch.__version__}"
    )
