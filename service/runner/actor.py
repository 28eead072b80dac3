"""The runner's process: a detached Ray actor that runs one search to its end under one lease, then idles until killed.

Only the coordinator starts runners, so Ray must not restart one by itself. The controller has a thread of its own; the
actor's methods only look.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback

from service.errors import Fenced, LedgerUnavailable
from service.models import Lease
from service.runner.engine import Engine
from service.runner.recovery import recover
from service.runner.run import Run
from service.runner.spool import Spool
from service.settings import Settings
from service.store import EventKind, Ledger
from trainables.failpoints import failpoint
from trainables.gang.processes import Limits
from trainables.logs import configure_logging

log = logging.getLogger(__name__)

_LOOK_S = 0.25
"""Seconds between two looks at the search's intent and allowance."""


def runner_name(search: str) -> str:
    """Name of a search's runner among Ray's actors, as the dashboard shows it."""
    return f"search-{search}"


class SearchRunner:
    """Runs one search.

    Attributes:
        status: `running`, then `ended` (the search is terminal), `fenced` (another runner has taken over) or `failed`.
    """

    def __init__(self, search: str, lease: Lease) -> None:
        configure_logging()
        self._search = search
        self._lease = lease
        self._settings = Settings.from_env()
        self.status = "running"
        self._thread = threading.Thread(target=self._live, name=runner_name(search), daemon=True)
        self._thread.start()

    def look(self) -> str:
        """The status; the coordinator's way to ask whether the process lives."""
        return self.status

    def __repr__(self) -> str:
        return runner_name(self._search)

    def _live(self) -> None:
        try:
            self._outlast_the_ledger()
        except Fenced as error:
            log.warning("%s: %s", self, error)
            self.status = "fenced"
        except Exception:  # the coordinator starts another runner, which replays the ledger
            log.exception("%s: the runner failed", self)
            self._note_failure(traceback.format_exc())
            self.status = "failed"
        else:
            self.status = "ended"

    def _outlast_the_ledger(self) -> None:
        """Begins anew whenever the ledger goes away before the run is rebuilt: that is no failure of the search's."""
        while True:
            try:
                self._run_to_the_end()
                return
            except LedgerUnavailable as error:
                log.warning("%s: the ledger does not answer, beginning anew: %s", self, error)
                time.sleep(1.0)

    def _run_to_the_end(self) -> None:
        settings = self._settings
        ledger = Ledger.open(settings.ledger_url)
        spool = Spool(settings.home_dir / "spool" / f"{self._search}.jsonl", settings.spool_reports)
        ledger.renew_lease(self._lease, settings.lease_s)
        with _Heart(ledger, self._lease, settings.lease_s):
            run = recover(
                ledger=ledger,
                lease=self._lease,
                search=ledger.search(self._search),
                store=settings.store_dir,
                store_url=settings.store_url,
                backoff_s=settings.backoff_s,
                spool=spool,
            )
            limits = Limits(group_s=settings.gang_timeout_s, silence_s=settings.silence_s)
            engine = Engine(run, limits=limits, spool=spool)
            try:
                self._step(run, engine)
            finally:
                engine.close()
        try:
            ledger.release_lease(self._lease)
        except LedgerUnavailable as error:
            log.warning("%s: its lease was not given back, and runs out by itself: %s", self, error)

    def _step(self, run: Run, engine: Engine) -> None:
        looked = float("-inf")
        while not run.finished:
            if time.monotonic() - looked >= _LOOK_S:
                engine.ask(lambda: self._obey(run))
                looked = time.monotonic()
            if not run.finished:
                failpoint("runner.before_step")
                engine.step()

    def _obey(self, run: Run) -> None:
        search = run.patience.read(lambda: run.ledger.search(self._search))
        run.heed(search)
        run.obey(search.intent, search.allowance, on_hold=search.on_hold)

    def _note_failure(self, trace: str) -> None:
        """Leaves the reason, and gives the lease back: nobody need wait for its end to start another runner."""
        try:
            ledger = Ledger.open(self._settings.ledger_url)
            with ledger.write(self._lease) as writer:
                writer.event(self._search, EventKind.RUNNER_FAILED, {"traceback": trace})
            ledger.release_lease(self._lease)
        except (Fenced, LedgerUnavailable) as error:
            log.warning("%s: its failure could not be noted: %s", self, error)


class _Heart:
    """Renews the lease from a thread of its own, since a step may be long. A lost lease shows at the next write."""

    def __init__(self, ledger: Ledger, lease: Lease, lease_s: float) -> None:
        self._ledger = ledger
        self._lease = lease
        self._lease_s = lease_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._lease_s / 3):
            try:
                self._ledger.renew_lease(self._lease, self._lease_s)
            except Fenced:
                return
            except LedgerUnavailable as error:
                log.warning("the lease could not be renewed, trying again: %s", error)
