"""One search in the client's hands: its view, its trials, its best checkpoint, its events. Made by `Client`."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from service.client.download import download_checkpoint
from service.client.errors import ApiError
from service.client.events import follow
from service.client.http import Http
from service.schemas import AuditView, BestView, EventView, ReportView, SearchView, TrialPage, TrialView

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PAGE = 200
"""Trials asked for at once."""


class Search:
    """A search of the service. Methods ask the service each time; only `view` is remembered.

    Attributes:
        view: the search as last seen; `refresh` looks again.
    """

    def __init__(self, http: Http, view: SearchView) -> None:
        self._http = http
        self.view = view

    @property
    def id(self) -> str:
        """Its id, 12 lower-case letters and digits."""
        return self.view.id

    def refresh(self) -> Self:
        """Looks again."""
        self.view = SearchView.model_validate(self._http.get(self._path))
        return self

    def wait(self, timeout: float | None = None, *, poll_s: float = 1.0) -> SearchView:
        """Waits for its end and returns the last view, whether completed, failed or cancelled.

        Args:
            timeout: seconds; None waits for ever.
            poll_s: seconds between two looks.

        Raises:
            TimeoutError: it has not ended in time; it goes on.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not self.refresh().view.state.is_terminal:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                state = self.view.state
                raise TimeoutError(f"search {self.id}: got {state} after {timeout} s, must have ended; wait again")
            time.sleep(min(poll_s, left_s))
        return self.view

    def best(self) -> BestView | None:
        """The best trial at this moment; None while none has reported a finite value."""
        try:
            return BestView.model_validate(self._http.get(f"{self._path}/best"))
        except ApiError as error:
            if error.status == 404 and self.refresh().view.best is None:
                return None
            raise

    def download_best(self, directory: str | Path) -> Path:
        """Downloads the best trial's checkpoint and checks every SHA-256.

        Args:
            directory: a new or empty folder.

        Returns:
            The folder, absolute: `manifest.json`, `model.safetensors` and the rest, as `trainables.load` takes it.

        Raises:
            ValueError: the folder holds something.
            BrokenDownload: what arrived is damaged; nothing is left.
            ApiError: 404 while no checkpoint is committed.
        """
        return download_checkpoint(self._http, f"{self._path}/best/checkpoint", Path(directory))

    def iter_trials(self, state: str | None = None) -> Iterator[TrialView]:
        """Its trials in the order of their numbers, over all pages."""
        cursor = None
        while True:
            params = {"state": state, "limit": PAGE, "cursor": cursor}
            page = TrialPage.model_validate(self._http.get(f"{self._path}/trials", params))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def trial(self, number: int) -> TrialView:
        """One trial with the history of its attempts."""
        return TrialView.model_validate(self._http.get(f"{self._path}/trials/{number}"))

    def iter_reports(self, trial: int | None = None) -> Iterator[ReportView]:
        """The reports of one trial, or of all."""
        path = f"{self._path}/reports" if trial is None else f"{self._path}/trials/{trial}/reports"
        yield from (ReportView.model_validate(report) for report in self._http.get(path))

    def trials(self) -> pd.DataFrame:
        """One row a trial: number, state, reason, epoch, value, best_epoch, attempts, `config.<name>`, times."""
        from service.client.tables import trials_frame  # here, so that the command line need not wait for pandas

        return trials_frame(self.iter_trials())

    def reports(self) -> pd.DataFrame:
        """One row a report: trial, attempt, epoch, value, seen, `metrics.<name>`, `resources.<name>`, times."""
        from service.client.tables import reports_frame  # as in `trials`

        return reports_frame(self.iter_reports())

    def events(self, after: int = 0) -> Iterator[EventView]:
        """Its events after sequence `after`, each once and in order, until it ends; outlives lost connections."""
        return follow(self._http, self._path, after)

    def figure(
        self,
        name: str,
        *,
        x: str = "epochs",
        parameters: Sequence[str] = (),
        trial: int | None = None,
        theme: str = "light",
    ) -> go.Figure:
        """A figure as the page shows it; a notebook draws it by itself.

        Args:
            name: `history`, `curves`, `rungs`, `funnel`, `parallel`, `slice`, `contour`, `importance`, `timeline` or
                `trial`.
            x: axis of the history: `epochs` or `time`.
            parameters: names that it is limited to; empty: those that matter most.
            trial: number of the trial of the figure `trial`.
            theme: `light` or `dark`.

        Raises:
            ApiError: 422 for a name that is none.
        """
        from plotly.graph_objects import Figure  # as in `trials`

        params = {"x": x, "parameter": list(parameters) or None, "trial": trial, "theme": theme}
        return Figure(self._http.get(f"{self._path}/figures/{name}", params))

    def report(self, file: str | Path, *, theme: str = "light") -> Path:
        """Writes one HTML file that shows the search and needs nothing else; returns its path, absolute.

        Args:
            file: overwritten if it is there.
            theme: `light` or `dark`.
        """
        path = Path(file).absolute()
        self._http.download(f"{self._path}/report?theme={quote(theme, safe='')}", path)
        return path

    def audit(self, timeout_s: float = 600.0) -> AuditView:
        """Has every recorded proposal and verdict decided again, and the first difference reported, if there is one.

        Args:
            timeout_s: seconds; it takes as long as all decisions of the search took together.

        Raises:
            Unreachable: it took longer.
        """
        return AuditView.model_validate(self._http.get(f"{self._path}/audit", timeout_s=timeout_s))

    def stop(self) -> Self:
        """Asks that no new trial starts; running ones finish."""
        return self._ask("stop")

    def cancel(self) -> Self:
        """Asks that everything ends now."""
        return self._ask("cancel")

    def pause(self) -> Self:
        """Asks that its trials give back their gangs, each at its next report, and wait with their checkpoints."""
        return self._ask("pause")

    def resume(self) -> Self:
        """Takes a pause back."""
        return self._ask("resume")

    def change(self, *, if_version: int | None = None, **changes: Any) -> Self:
        """Changes its spec while it runs, e.g. `change(parallelism=8, budget={"trials": 200})`.

        Args:
            if_version: only if `view.version` is still this; a change whose answer was lost may then be refused
                although it was made.
            **changes: parallelism, priority, weight, deadline, tags, budget; None takes the default.

        Raises:
            ApiError: 412 if it was changed meanwhile, 422 for what cannot be changed, 409 if it has ended.
        """
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        self.view = SearchView.model_validate(self._http.patch(self._path, changes, headers))
        return self

    def enqueue(self, config: Mapping[str, Any], *, idempotency_key: str | None = None) -> Self:
        """Adds a configuration, to be tried next; parameters left out are sampled.

        Args:
            config: values by name of their parameters.
            idempotency_key: the same key and configuration are added once; default: a new one.

        Raises:
            ApiError: 422 where it does not fit the space, 409 where no trial may begin any more.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        answer = self._http.post(f"{self._path}/enqueue", dict(config), headers)
        self.view = SearchView.model_validate(answer)
        return self

    def extend(self, *, idempotency_key: str | None = None, **budget: Any) -> Self:
        """Lets it go on with a larger budget, also after its end, e.g. `extend(trials=60)`.

        Args:
            idempotency_key: the same key and budget extend it once; default: a new one.
            **budget: trials, epochs, gpu_hours, failures: what it has in all; seconds: from now on; deadline.

        Raises:
            ApiError: 422 for what is no more, or what its scheduler has no place for; 409 while it is being stopped.
        """
        return self._go_on("extend", budget, idempotency_key)

    def retry(
        self,
        states: Sequence[str] = ("failed",),
        trials: Sequence[int] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Self:
        """Goes on with trials from their last checkpoints, as new trials; nothing else begins if it had ended.

        Args:
            states: of the trials that are meant: failed, cancelled, stopped.
            trials: of them, only these numbers; None: all.
            idempotency_key: the same key and trials are retried once; default: a new one.

        Raises:
            ApiError: 422 for a trial that is not meant, 409 where there is none.
        """
        named = {} if trials is None else {"trials": list(trials)}
        return self._go_on("retry", {"states": list(states), **named}, idempotency_key)

    def branch(self, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> Search:
        """Submits a new search that is this one but for the changes, and begins with its results where they fit.

        Args:
            changes: fields of the spec; objects are changed field by field, `algorithm` as a whole.
            idempotency_key: the same key and changes give the same search; default: a new one.

        Raises:
            ApiError: 422 with one fault for each field that is wrong.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        answer = self._http.post(f"{self._path}/branch", dict(changes), headers)
        return Search(self._http, SearchView.model_validate(answer))

    @property
    def _path(self) -> str:
        return f"/v1/searches/{quote(self.id, safe='')}"

    def _ask(self, verb: str) -> Self:
        self.view = SearchView.model_validate(self._http.post(f"{self._path}/{verb}"))
        return self

    def _go_on(self, verb: str, body: Mapping[str, Any], idempotency_key: str | None) -> Self:
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        self.view = SearchView.model_validate(self._http.post(f"{self._path}/{verb}", dict(body), headers))
        return self

    def __repr__(self) -> str:
        return f"<Search {self.id} {self.view.name} {self.view.state}: {_progress(self.view)}{_best(self.view)}>"

    def _repr_html_(self) -> str:
        view = self.view
        rows = {
            "state": f"{view.state}: {view.reason}",
            "algorithm": f"{view.algorithm} on {view.trainable}",
            "trials": _progress(view),
            "best": _best(view).removeprefix(", best ") or "none yet",
        }
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
        return f"<table><caption>search {escape(view.id)} {escape(view.name)}</caption>{cells}</table>"


def _progress(view: SearchView) -> str:
    ended = sum(count for state, count in view.trials.items() if state.is_terminal)
    return f"{ended} of {'?' if view.trials_total is None else view.trials_total} trials ended"


def _best(view: SearchView) -> str:
    best = view.best
    return f", best {best.metric} {best.value:g} (trial {best.trial}, epoch {best.epoch})" if best else ""
