"""The contract of a scheduler. Which configuration a trial has is no matter of any scheduler but one that clones.

The methods come in three kinds, so that a search can be replayed from its ledger without deciding anything again:
`accept_*` and `record_*` take in facts, `apply` takes in a verdict that stands, and `verdict`, `settle`, `resume` and
`clone` are pure: they read the state and change nothing. The Study checks that trials exist and live; a scheduler need
not.
"""

from abc import ABC, abstractmethod

from service.algorithms.actions import Action
from service.algorithms.objective import Objective
from service.algorithms.proposals import Resume, Start
from service.algorithms.trials import Trials


class Scheduler(ABC):
    """Decides at rungs, of which `levels` gives the epochs, ascending; the last level is the last epoch of a trial."""

    begins_late = False
    """Whether it has a place for a trial that begins at another's epoch: beyond the first rung, out of step."""

    def __init__(self, levels: tuple[int, ...], objective: Objective) -> None:
        self.levels = levels
        self.objective = objective

    # Facts

    @abstractmethod
    def accept_start(self, start: Start) -> None:
        """Take in a new trial."""

    def accept_resume(self, trial: int) -> None:
        """Take in that a promoted trial runs again."""
        del trial

    def record_report(self, trial: int, epoch: int, loss: float) -> None:
        """Take in any report, rung or no rung, before `crossed` is asked about it."""
        del trial, epoch, loss

    @abstractmethod
    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the rung that a report of this epoch answers, None between rungs. Each rung is answered once."""

    @abstractmethod
    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Take in a result at the rung that `crossed` named."""

    @abstractmethod
    def record_failed(self, trial: int) -> int | None:
        """Rank a lost trial last at the rung it was on its way to; return that rung, None if it was on no way."""

    def record_cancelled(self, trial: int) -> None:
        """Forget a trial that nobody shall wait for."""
        del trial

    def raise_epochs(self, max_epochs: int) -> None:
        """Take in that trials train to this epoch from now on, which `refuses` had nothing against."""
        raise NotImplementedError(f"{type(self).__name__} refuses all but {self.levels[-1]} epochs, not {max_epochs}")

    def apply(self, action: Action) -> None:
        """Take in a verdict that stands, on any trial."""
        del action

    # Decisions

    def refuses(self, max_epochs: int) -> str | None:
        """Return why trials cannot train to this epoch from now on, what there must be and the way out; None: they can.

        Rungs that results were compared at must stay where they are. So must brackets and meetings, whose epochs and
        sizes follow from the last epoch: here nobody can train on.
        """
        if max_epochs == self.levels[-1]:
            return None
        return f"must be {self.levels[-1]}, from which all rungs of {type(self).__name__} follow; branch the search"

    @abstractmethod
    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the epoch to which the next new trial trains at most, if it begins at `from_epoch`."""

    @abstractmethod
    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Return what becomes of a trial that reported before its last epoch; the report is already recorded."""

    def settle(self, pausing: int | None, may_start: bool) -> list[Action]:
        """Return what follows for trials at barriers, promotions first.

        Args:
            pausing: the trial whose verdict of this moment is to pause.
            may_start: whether new trials may still join.
        """
        del pausing, may_start
        return []

    def resume(self) -> Resume | None:
        """Return the paused trial that should run next, None if none may go on."""
        return None

    def clone(self, trial: int, trials: Trials) -> Start | None:
        """Return the new trial, of this number, that begins as a copy of another; None if none is due."""
        del trial, trials
        return None

    def waits_for(self) -> str | None:
        """Return what running trials may still bring, None if they bring no new work."""
        return None

    def at(self, rung: int) -> str:
        """Return a rung's name for people, e.g. 'rung 1 (epoch 3)'."""
        return f"rung {rung} (epoch {self.levels[rung]})"
