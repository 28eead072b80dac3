"""`python -P -m trainables.inspection.summary`: what layers a model has, and what each makes of a batch."""

from __future__ import annotations

from collections.abc import Iterator

import torchinfo
from torch.utils.data import DataLoader

from trainables.inspection.conversation import Ask, Question, converse
from trainables.protocol import Config, Trainable
from trainables.training.loaders import checked_options
from trainables.training.loop import load_datasets
from trainables.training.seeds import derived_seed, seed_everything

SAMPLES = 2
"""Samples in the batch whose shapes are shown."""


def summary(trainable: Trainable, config: Config, questions: Iterator[Question], answer: Ask) -> None:  # noqa: ARG001  (a program's)
    """Answer with the layers in the order of the model's call, those in others below these."""
    data = load_datasets(trainable, config)
    options = checked_options(trainable, config, data)
    batch = DataLoader(data.train, batch_size=SAMPLES, collate_fn=options.get("collate_fn"))
    seed_everything(derived_seed(0, "weights"))
    model = trainable.model(config)
    inputs, _ = next(iter(batch))
    told = torchinfo.summary(model, input_data=[inputs], verbose=0, depth=64, device="cpu")
    answer(
        "summary",
        samples=SAMPLES,
        layers=[
            {
                "depth": layer.depth,
                "name": layer.var_name if layer.depth else "",
                "kind": layer.class_name,
                "output_shape": layer.output_size,
                "parameters": layer.num_params,
            }
            for layer in told.summary_list
        ],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trainable_parameters=sum(each.numel() for each in model.parameters() if each.requires_grad),
        bytes=sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers())),
    )


if __name__ == "__main__":
    converse(summary)
