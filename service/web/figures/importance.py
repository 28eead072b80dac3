"""Which parameters matter."""

from __future__ import annotations

from service.web.figures.figure import CATEGORIES, Figure, Options, empty
from service.web.figures.forest import FEWEST, grow
from service.web.source import Source


def importance(source: Source, _options: Options) -> Figure:
    """How much worse a forest guesses the objective when one parameter is shuffled."""
    title = f"What {source.metric} depends on"
    forest = grow(source)
    if forest is None:
        return empty(title, f"It takes {FEWEST} trials with a value, and a parameter that varies.")
    ranked = sorted(zip(source.axes, forest.importance, strict=True), key=lambda pair: pair[1][0])
    names = [axis.name for axis, _ in ranked]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": [max(0.0, mean) for _, (mean, _) in ranked],
        "error_x": {"type": "data", "array": [deviation for _, (_, deviation) in ranked], "thickness": 1.2},
        "marker": {"color": CATEGORIES[0]},
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
        "showlegend": False,
    }
    doubt = "" if forest.r2 > 0.3 else " - too little to rely on"
    return Figure(
        title=title,
        note=f"permutation importance in a forest of {forest.learnt:,} of {forest.of:,} trials; "
        f"it explains {max(0.0, forest.r2):.0%} of the variance of those held out{doubt}",
        traces=[bars],
        layout={
            "xaxis": {
                "title": {"text": "loss of R² when shuffled (bars: one standard deviation)"},
                "rangemode": "tozero",
            },
            "yaxis": {"title": {"text": ""}},
        },
        shown=forest.learnt,
        of=forest.of,
    )
