"""`python -P -m trainables.inspection.probe`: takes steps of the sizes it is asked for, and says what memory they took.

Which sizes are worth a try, and what is to be done with a process that takes too much, is for who asks. A process is
good for sizes in ascending order: its peak of memory never goes down again.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainables.inspection.conversation import Ask, Question, converse
from trainables.inspection.steps import Steps
from trainables.protocol import Config, Trainable
from trainables.result import is_out_of_memory
from trainables.training.measures import memory

MEASURED = {
    "cpu": "the process's peak of resident memory, by the kernel; without loading workers",
    "cuda": "the most that torch had allocated on the GPU",
}
"""What `peak_bytes` is, by the kind of device."""

_PEAK = {"cpu": "rss_peak_bytes", "cuda": "gpu_memory_peak_bytes"}


def probe(trainable: Trainable, config: Config, questions: Iterator[Question], answer: Ask) -> None:
    """Answer each question {"micro_batch": size} with whether it fits, its seconds, and the peak of memory."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    steps = Steps(trainable, config, device)
    answer(
        "ready",
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        is_gpu=device.type == "cuda",
        measured=MEASURED[device.type],
        num_samples=steps.num_samples,
        num_parameters=sum(parameter.numel() for parameter in steps.model.parameters()),
        peak_bytes=_peak(device),
    )
    for question in questions:
        try:
            seconds = steps.take(question["micro_batch"])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            answer("step", fits=False, seconds=None, peak_bytes=_peak(device), why=str(error).partition("\n")[0])
        else:
            answer("step", fits=True, seconds=seconds, peak_bytes=_peak(device), why=None)


def _peak(device: torch.device) -> int:
    return int(memory(device)[_PEAK[device.type]])


if __name__ == "__main__":
    converse(probe)
