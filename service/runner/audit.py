"""A recorded search decided again from the ledger alone, in any state: what is recorded so far. Writes nothing."""

from __future__ import annotations

from service.algorithms import Audit, End, decide_again
from service.runner.recovery import study_of
from service.schemas import SearchSpec
from service.states import SearchState
from service.store import Ledger


def audit_search(ledger: Ledger, search: str) -> Audit:
    """Asks a fresh Study for every recorded proposal and verdict of a search, in their order.

    Takes as long as all its decisions took together; training is not repeated.

    Args:
        ledger: the truth.
        search: its id.

    Raises:
        NotFound: no such search.
    """
    found = ledger.search(search)
    completed = found.state is SearchState.COMPLETED
    study = study_of(SearchSpec.model_validate(found.spec), [])
    end = End(seq=found.last_seq, reason=found.state_reason) if completed else None
    with ledger.steps(search) as steps:
        return decide_again(study, steps, end)
