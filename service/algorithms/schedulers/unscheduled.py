"""No scheduler: every trial trains to its last epoch, whatever it reports. The null object of its kind."""

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.levels import fewer


class Unscheduled(Scheduler):
    """One rung, at the last epoch, where nothing is decided; samplers learn from it."""

    begins_late = True

    def __init__(self, max_epochs: int, objective: Objective) -> None:
        super().__init__((max_epochs,), objective)

    def accept_start(self, start: Start) -> None:
        """Keep nothing: no trial depends on another."""

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the only rung at the last epoch."""
        del trial
        return 0 if epoch >= self.levels[0] else None

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Keep nothing: results compare in the table of trials."""

    def record_failed(self, trial: int) -> int | None:
        """Return the only rung: a trial that lives has not passed it."""
        del trial
        return 0

    def raise_epochs(self, max_epochs: int) -> None:
        """Move the only rung up."""
        self.levels = (max_epochs,)

    def refuses(self, max_epochs: int) -> str | None:
        """Take any later epoch."""
        return None if max_epochs >= self.levels[0] else fewer(self.levels)

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the last epoch."""
        del from_epoch
        return self.levels[0]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Let the trial train on."""
        del rung
        reason = f"epoch {epoch} of {self.levels[0]}, and no scheduler stops early"
        return Action(trial=trial, kind=ActionKind.CONTINUE, reason=reason)
