"""The figures there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.errors import FieldFault, InvalidInput
from service.web.figures.curves import curves
from service.web.figures.figure import Figure, Options
from service.web.figures.history import history
from service.web.figures.importance import importance
from service.web.figures.parallel import parallel
from service.web.figures.rungs import funnel, rungs
from service.web.figures.slices import contour, slices
from service.web.figures.timeline import timeline
from service.web.figures.trial import trial
from service.web.source import Source

FIGURES: Mapping[str, Callable[[Source, Options], Figure]] = {
    "history": history,
    "curves": curves,
    "rungs": rungs,
    "funnel": funnel,
    "parallel": parallel,
    "slice": slices,
    "contour": contour,
    "importance": importance,
    "timeline": timeline,
    "trial": trial,
}
"""Name to what makes it; the first sentence of its documentation says what it shows."""


def draw(name: str, source: Source, options: Options) -> Figure:
    """The figure of this name.

    Raises:
        InvalidInput: there is no such figure, or no such parameter.
    """
    make = FIGURES.get(name)
    if make is None:
        message = f"got {name!r}, must be one of {', '.join(FIGURES)}; correct it"
        raise InvalidInput.of(FieldFault(path="figure", message=message))
    known = {axis.name for axis in source.axes}
    unknown = [wanted for wanted in options.parameters if wanted not in known]
    if unknown:
        message = f"got {unknown[0]!r}, must be one that varies: {', '.join(known)}; correct it"
        raise InvalidInput.of(FieldFault(path="parameters", message=message))
    return make(source, options)
