"""TensorBoard's event files: scalars, configuration, histograms, graph, images and meshes of a trial.

Each attempt adds a file to the trial's folder `tensorboard/`; TensorBoard reads them as one run. Options:
`histograms_every`: epochs between two histograms of weights and gradients (default 1; null: none). `samples`: how many
validation samples the trainable's hooks `images` and `meshes` are shown (default 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams
from torch.utils.data import default_collate

from trainables.assignment import Assignment
from trainables.integrations.logger import Memory, Moment, View
from trainables.protocol import Trainable
from trainables.training.seeds import kept_random_state
from trainables.training.tensors import to_device

FOLDER = "tensorboard"
"""Folder of the event files in a trial's folder for logs."""


def open_logger(assignment: Assignment, options: Mapping[str, Any], folder: Path, memory: Memory) -> TensorBoard:
    """Open a further event file for a trial."""
    return TensorBoard(assignment, options, folder / FOLDER, memory)


class TensorBoard:
    """The event file of one attempt."""

    def __init__(self, assignment: Assignment, options: Mapping[str, Any], folder: Path, memory: Memory) -> None:
        self._config, self._memory = assignment.config, memory
        self._histograms_every = options.get("histograms_every", 1)
        self._num_samples = options.get("samples", 8)
        # By name and second alone, two attempts could share a file, and the second would empty it.
        suffix = f".attempt-{assignment.attempt}-{assignment.lease_epoch}"
        # It is flushed at the end of each epoch, and not in between.
        self._writer = SummaryWriter(str(folder), flush_secs=3600, filename_suffix=suffix)
        self._has_hyperparameters = "epoch" in memory
        self._pictures = {
            "histograms": self._add_histograms,
            "graph": self._add_graph,
            "images": self._add_images,
            "meshes": self._add_meshes,
        }

    def log(self, moment: Moment) -> tuple[str, ...]:
        """Write an epoch down."""
        writer, epoch = self._writer, moment.epoch
        if not self._has_hyperparameters:
            self._add_hyperparameters(moment.metrics)
        resources = {f"resources/{name}": value for name, value in moment.resources.items()}
        for name, value in {**moment.metrics, **resources}.items():
            writer.add_scalar(name, value, epoch)
        warnings = tuple(self._look(moment.view, epoch)) if moment.view is not None else ()
        writer.flush()
        return warnings

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _add_hyperparameters(self, metrics: Mapping[str, float]) -> None:
        plain = {n: v if isinstance(v, (bool, int, float)) else str(v) for n, v in self._config.items()}
        experiment, begin, _ = hparams(plain, dict(metrics))
        self._writer.file_writer.add_summary(experiment)
        self._writer.file_writer.add_summary(begin)
        self._has_hyperparameters = True

    def _look(self, view: View, epoch: int) -> Iterator[str]:
        """Draw what there is to draw of a model; what cannot be drawn is said, and not tried again."""
        was_training = view.model.training
        try:
            with kept_random_state():
                for name in list(self._pictures):
                    try:
                        self._pictures[name](view, epoch)
                    except Exception as error:  # noqa: BLE001  (hooks of the trainable, and tracing of any model)
                        del self._pictures[name]
                        yield f"tensorboard: got {type(error).__name__}: {error}; it shows no {name} of this attempt"
        finally:
            view.model.train(was_training)

    def _add_histograms(self, view: View, epoch: int) -> None:
        if not self._histograms_every or epoch % self._histograms_every:
            return
        for name, parameter in view.model.named_parameters():
            _add_histogram(self._writer, f"weights/{name}", parameter, epoch)
            if parameter.grad is not None:
                _add_histogram(self._writer, f"gradients/{name}", parameter.grad, epoch)

    def _add_graph(self, view: View, _: int) -> None:
        if not self._memory.get("has_graph"):
            self._memory["has_graph"] = True
            inputs, _target = self._batch(view)
            self._writer.add_graph(view.model.eval(), inputs)

    @torch.no_grad()
    def _add_images(self, view: View, epoch: int) -> None:
        if type(view.trainable).images is Trainable.images:
            return
        images = view.trainable.images(self._config, view.model.eval(), self._batch(view))
        for name, image in images.items():
            self._writer.add_image(name, torch.as_tensor(image).cpu(), epoch)

    @torch.no_grad()
    def _add_meshes(self, view: View, epoch: int) -> None:
        if type(view.trainable).meshes is Trainable.meshes:
            return
        meshes = view.trainable.meshes(self._config, view.model.eval(), self._batch(view))
        for name, mesh in meshes.items():
            parts = {part: torch.as_tensor(values).cpu() for part, values in mesh.items()}
            self._writer.add_mesh(name, **parts, global_step=epoch)

    def _batch(self, view: View) -> Any:
        data = view.data.validation
        count = min(self._num_samples, len(data))  # type: ignore[arg-type]  # torch's Dataset declares no __len__
        collate = view.trainable.loader_options(self._config, view.data).get("collate_fn", default_collate)
        device = next(view.model.parameters()).device
        inputs, target = collate([data[index] for index in range(count)])
        return to_device(inputs, device), to_device(target, device)


def _add_histogram(writer: SummaryWriter, name: str, tensor: torch.Tensor, epoch: int) -> None:
    values = tensor.detach().float().cpu()
    finite = values[torch.isfinite(values)]
    if finite.numel():
        writer.add_histogram(name, finite.numpy(), epoch)
