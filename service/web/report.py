"""A search as one HTML file that needs nothing else: plotly.js, figures and tables are all in it."""

from __future__ import annotations

import json

from service.web.assets import PLOTLY, find, templates
from service.web.figures import Options, draw
from service.web.figures.figure import Theme
from service.web.figures.rungs import rung_table
from service.web.source import Source

FIGURES = ("history", "curves", "funnel", "rungs", "importance", "slice", "parallel", "contour", "timeline")
"""What it shows, in this order."""

_BEST = 20


def html_report(source: Source, theme: Theme) -> str:
    """The file.

    Args:
        source: the search at this moment.
        theme: its colours.
    """
    search = source.search
    figures = {name: draw(name, source, Options(theme=theme)).dressed(theme) for name in FIGURES}
    return (
        templates()
        .get_template("report.html")
        .render(
            search=search,
            theme=theme,
            metric=source.metric,
            spec=json.dumps(search.spec, indent=2),
            best=source.valued[:_BEST],
            num_trials=len(source.trials),
            parameters=[axis.name for axis in source.axes],
            rungs=rung_table(source.verdicts),
            names=FIGURES,
            figures=_for_script(json.dumps(figures, allow_nan=False)),
            plotly=find(PLOTLY).body.decode().replace("</script", "<\\/script"),
        )
    )


def _for_script(text: str) -> str:
    """JSON that ends no script element and no line of JavaScript, whatever a person wrote into it."""
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
    return "".join(escapes.get(letter, letter) for letter in text)
