"""YAHPO Gym's surrogates: neural networks fitted to tables of real trainings, run by onnxruntime on one thread.

Pfisterer et al., YAHPO Gym, AutoML 2022. Which inputs mean what is in the files of the two kinds of tasks.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.data import data_file

BATCH_ROWS = 65_536
"""Rows that go through the network at a time."""


@cache
def _network(scenario: str) -> Any:
    import onnxruntime  # a benchmark dependency: only these tasks need it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(data_file("yahpo", f"{scenario}_model.onnx"))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@cache
def encoding(scenario: str) -> dict[str, dict[str, int]]:
    """Return the number of each category, by input and name."""
    table: dict[str, dict[str, int]] = json.loads(data_file("yahpo", f"{scenario}_encoding.json").read_text())
    return table


def predict(scenario: str, categories: NDArray[np.int32], numbers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the network's outputs, shape (rows, outputs).

    Args:
        scenario: `lcbench` or `rbv2_xgboost`.
        categories: shape (rows, categorical inputs).
        numbers: shape (rows, continuous inputs).
    """
    parts = [
        _network(scenario).run(
            None, {"x_cat": categories[at : at + BATCH_ROWS], "x_cont": numbers[at : at + BATCH_ROWS]}
        )[0]
        for at in range(0, len(numbers), BATCH_ROWS)
    ]
    return np.concatenate(parts).astype(np.float64)
