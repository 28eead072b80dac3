"""What is drawn and tabulated of a search: `.../figures`, `.../table`, `.../rungs`, verdicts, the report as a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from service.api.context import Context, ContextDep
from service.api.principals import SearchId
from service.api.routes.trials import TrialNumber
from service.errors import FieldFault, InvalidInput
from service.schemas import FigureKind, RungView, TrialRowView, TrialTable, VerdictView
from service.states import TrialState
from service.web import FIGURES, Source, draw, export, report, table
from service.web.figures import Options
from service.web.figures.rungs import rung_table

router = APIRouter(tags=["figures"])

Names = Annotated[list[str] | None, Query(max_length=64, description="Limit it to these parameters")]
Stretches = Annotated[
    list[str] | None,
    Query(max_length=64, description="`name:low:high`: lies there on the axis from 0 to 1; also `value:low:high`"),
]
Theme = Literal["light", "dark"]


@router.get("/v1/figures")
def figures() -> list[FigureKind]:
    """The figures that can be asked for."""
    return [FigureKind(name=name, description=_first_sentence(make.__doc__)) for name, make in FIGURES.items()]


@router.get("/v1/searches/{search}/figures/{figure}", response_class=JSONResponse)
def figure(
    search: SearchId,
    figure: Annotated[str, Path(max_length=64, description="One of GET /v1/figures")],
    context: ContextDep,
    x: Annotated[Literal["epochs", "time"], Query(description="Axis of the history")] = "epochs",
    parameter: Names = None,
    trial: Annotated[int | None, Query(ge=0, le=10**9, description="Of the figure `trial`")] = None,
    theme: Theme = "light",
) -> JSONResponse:
    """A figure as `data` and `layout` of Plotly; `layout.meta` says how many points it shows, and of how many."""
    options = Options(x=x, parameters=tuple(parameter or ()), trial=trial, theme=theme)
    return JSONResponse(draw(figure, _source(search, context), options).dressed(theme))


@router.get("/v1/searches/{search}/table")
def trial_table(
    search: SearchId,
    context: ContextDep,
    state: Annotated[list[TrialState] | None, Query(description="Only trials in these states")] = None,
    within: Stretches = None,
    sort: Annotated[str, Query(max_length=256, description="A column, or a parameter")] = "number",
    descending: bool = False,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TrialTable:
    """Trials filtered and sorted, one page of them."""
    source = _source(search, context)
    query = table.Query(
        states=frozenset(state or ()),
        within=dict(_stretch(each) for each in within or ()),
        sort=sort,
        descending=descending,
    )
    chosen = table.rows_of(source, query)
    return TrialTable(
        items=[TrialRowView.model_validate(row._asdict()) for row in chosen[offset : offset + limit]],
        matched=len(chosen),
        total=len(source.trials),
        parameters=[axis.name for axis in source.axes],
    )


@router.get("/v1/searches/{search}/rungs")
def rungs(search: SearchId, context: ContextDep) -> list[RungView]:
    """What has been decided at each rung so far."""
    found = rung_table(_source(search, context).verdicts)
    return [
        RungView(
            epoch=rung.epoch,
            reached=rung.reached,
            went_on=rung.went_on,
            stopped=rung.stopped,
            waiting=rung.waiting,
            cutoff=rung.cutoff,
        )
        for rung in found
    ]


@router.get("/v1/searches/{search}/trials/{number}/verdicts")
def verdicts(search: SearchId, number: TrialNumber, context: ContextDep) -> list[VerdictView]:
    """Every verdict on a trial at a rung, with the numbers that led to it."""
    context.ledger.trial(search, number)
    return [VerdictView.model_validate(row._asdict()) for row in context.ledger.verdicts(search, number)]


@router.get("/v1/searches/{search}/export", response_class=Response)
def export_trials(
    search: SearchId,
    context: ContextDep,
    format: Annotated[Literal["csv", "parquet", "json"], Query(description="Of the file")] = "csv",
) -> Response:
    """One row a trial, as a file."""
    body, media_type = export.trials_file(_source(search, context), format)
    headers = {"Content-Disposition": f'attachment; filename="{search}-trials.{format}"'}
    return Response(body, media_type=media_type, headers=headers)


@router.get("/v1/searches/{search}/report", response_class=Response)
def html_report(search: SearchId, context: ContextDep, theme: Theme = "light") -> Response:
    """The search as one HTML file that needs nothing else: summary, figures, rungs and the best trials."""
    body = report.html_report(_source(search, context), theme)
    headers = {"Content-Disposition": f'attachment; filename="{search}-report.html"'}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


def _source(search: str, context: Context) -> Source:
    return Source(context.ledger, context.ledger.search(search))


def _stretch(given: str) -> tuple[str, tuple[float, float]]:
    """Reads `name:low:high`; the name may have colons of its own."""
    name, low, high = ["", "", "", *given.rsplit(":", 2)][-3:]
    try:
        return name, (float(low), float(high))
    except ValueError:
        message = f"got {given!r}, must be name:low:high with numbers from 0 to 1, e.g. lr:0.2:0.5; correct it"
        raise InvalidInput.of(FieldFault(path="within", message=message)) from None


def _first_sentence(doc: Any) -> str:
    return str(doc).strip().partition("\n")[0]
