"""What an epoch costs one rank, and all of them together: throughput, waiting, memory, and memory that keeps growing.

Times are a host's. Where a GPU computes, the host runs ahead of it: then "data" is what the host waited for batches
while the GPU may still have had work, "compute" ends when the epoch's loss has come back from the GPU, and the GPU's
own waiting for sums over NCCL is part of it. A profiler tells these apart, this module does not.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import torch

GROWING_EPOCHS = 5
"""Epochs in a row in which memory must grow before it is worth a word."""

_LEAST_GROWTH_BYTES = 16 * 2**20
"""Growth over these epochs that is too little to be worth one."""

_SUMMED = frozenset({"samples_per_s"})
"""Measures of all ranks together that are sums; of the others the largest rank's counts."""

UNITS = {
    "samples_per_s": "Training samples per second of the training part, all ranks together.",
    "data_s": "Seconds that a rank waited for batches.",
    "compute_s": "Seconds of the training part without that waiting and the next two.",
    "all_reduce_wait_s": "Seconds that a rank waited for others' gradients after its own were done; 0 over NCCL.",
    "stage_wait_s": "Seconds that a rank of a pipeline waited for other stages; not what a GPU waited.",
    "evaluate_s": "Seconds of the evaluation.",
    "micro_batch_size": "Samples that a rank computed on at once, at the end of the epoch.",
    "rss_bytes": "Resident memory of a rank's process at the end, without its loading workers.",
    "rss_peak_bytes": "The most it has been since the process began, warm gangs' earlier trials included.",
    "gpu_memory_peak_bytes": "The most that torch had allocated on a GPU in this epoch; only where there is one.",
    "gpu_utilisation_percent": "Of the GPU, in its last second or less, by nvidia-ml-py; only where both are there.",
}
"""Each measure and what it is."""


def begin_epoch(device: torch.device) -> None:
    """Forget the peak of the epoch before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def utilisation(device: torch.device) -> dict[str, float]:
    """Return the GPU's utilisation, to be asked for while it still computes; nothing where it cannot be told."""
    if device.type != "cuda":
        return {}
    try:
        return {"gpu_utilisation_percent": float(torch.cuda.utilization(device))}
    except Exception:  # noqa: BLE001  (no nvidia-ml-py, no right to ask, or no driver that answers: all no fault of ours)
        return {}


def memory(device: torch.device) -> dict[str, float]:
    """Return what the process and its GPU hold now, and the most they held."""
    now = psutil.Process().memory_info().rss
    measured = {"rss_bytes": float(now), "rss_peak_bytes": float(max(now, _peak_bytes()))}
    if device.type == "cuda":
        measured["gpu_memory_peak_bytes"] = float(torch.cuda.max_memory_allocated(device))
    return measured


def _peak_bytes() -> int:
    """The most that was resident since this program began.

    Not `ru_maxrss` where it can be helped: in Linux that survives `exec`, so it is at least what the parent held.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def of_all_ranks(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the measures of a gang from those of its ranks."""
    return {
        name: (sum if name in _SUMMED else max)(part[name] for part in parts if name in part)
        for name in UNITS
        if any(name in part for part in parts)
    }


class GrowthWatch:
    """Notices memory of a trial that grows in every epoch."""

    def __init__(self) -> None:
        self._sizes: list[float] = []

    def see(self, rss_bytes: float) -> str | None:
        """Take the memory at the end of an epoch; return a warning with the numbers, or None.

        After a warning the counting begins anew.
        """
        if self._sizes and rss_bytes <= self._sizes[-1]:
            self._sizes = []
        self._sizes.append(rss_bytes)
        if len(self._sizes) <= GROWING_EPOCHS or self._sizes[-1] - self._sizes[0] < _LEAST_GROWTH_BYTES:
            return None
        shown = ", ".join(f"{size / 2**20:.0f}" for size in self._sizes[-GROWING_EPOCHS - 1 :])
        self._sizes = [rss_bytes]
        return (
            f"memory of a rank grew in each of the last {GROWING_EPOCHS} epochs: {shown} MiB; look for tensors or "
            "losses that are kept from batch to batch"
        )
