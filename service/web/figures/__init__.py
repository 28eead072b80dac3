"""Every figure of Rung, for the page, the notebook client and the HTML report alike: plain data in Plotly's terms.

Nothing here needs Plotly; whoever shows a figure does. Traces of WebGL are not used: they compile shaders from strings,
which a Content-Security-Policy without `unsafe-eval` forbids.
"""

from service.web.figures.catalog import FIGURES, draw
from service.web.figures.figure import Figure, Options

__all__ = ["FIGURES", "Figure", "Options", "draw"]
