"""Plots of a comparison: mean regret over a run's time, all together and task by task. Matplotlib draws PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.contestants import OURS
from benchmarks.quality.statistics import Results

FOLDER = Path(__file__).with_name("plots")
LOWEST = 0.005
"""Regrets below it are drawn there, since the axis is logarithmic."""
COLUMNS = 4


def draw(results: Results) -> Path:
    """Draw all plots; return their folder, which is made if need be."""
    import matplotlib as mpl  # a benchmark dependency, as is what it brings along
    from cycler import cycler

    mpl.use("Agg")
    mpl.rcParams["axes.prop_cycle"] = cycler(color=mpl.colormaps["tab20"](range(20)))
    FOLDER.mkdir(exist_ok=True)
    _overview(results, FOLDER / "regret.png")
    _tasks(results, FOLDER / "tasks.png")
    return FOLDER


def _overview(results: Results, path: Path) -> None:
    from matplotlib import pyplot

    parts = [("all", results), *((f"{count} workers", results.only(count)) for count in results.workers)]
    figure, axes = pyplot.subplots(1, len(parts), figsize=(5 * len(parts), 5), sharey=True, squeeze=False)
    for axis, (title, part) in zip(axes[0], parts, strict=True):
        _curves(axis, part, part.regrets.mean(axis=(1, 2, 3)), title)
    axes[0][0].set_ylabel("mean normalised regret")
    _name(figure, axes)
    _save(figure, path)


def _tasks(results: Results, path: Path) -> None:
    from matplotlib import pyplot

    rows = -(-len(results.tasks) // COLUMNS)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(4 * COLUMNS, 3 * rows), sharex=True, squeeze=False)
    for number, axis in enumerate(axes.flat):
        if number < len(results.tasks):
            _curves(axis, results, results.regrets[:, number].mean(axis=(1, 2)), results.tasks[number])
        else:
            axis.axis("off")
    _name(figure, axes)
    _save(figure, path)


def _curves(axis: Any, results: Results, means: NDArray[np.float64], title: str) -> None:
    shares = 100 * np.arange(1, means.shape[1] + 1) / means.shape[1]
    for number, (method, curve) in enumerate(zip(results.methods, means, strict=True)):
        style = "-" if method.startswith(OURS) else "--"
        axis.plot(shares, np.maximum(curve, LOWEST), style, color=f"C{number}", linewidth=1.2, label=method)
    axis.set(title=title, xlabel="% of the run", yscale="log")
    axis.grid(visible=True, which="both", linewidth=0.3)


def _name(figure: Any, axes: Any) -> None:
    figure.legend(
        *axes[0][0].get_legend_handles_labels(), fontsize="x-small", loc="center left", bbox_to_anchor=(0.92, 0.5)
    )


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
