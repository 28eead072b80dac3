"""The one writer of a search's state. What it may write is spread over `search_verbs`, `trial_verbs`, `result_verbs`.

Writes without a lease, by the API, are in `submissions`.
"""

from __future__ import annotations

from service.store.result_verbs import ResultVerbs
from service.store.trial_verbs import TrialVerbs


class Writer(TrialVerbs, ResultVerbs):
    """All verbs, in one transaction under one lease; made by `Ledger.write` and worth nothing after its block.

    Every verb states its legal sources in the statement itself; no row changed is an error that names the id, what was
    found and what must be. Every transition leaves its event row, with a reason. After an error from a verb let the
    block end by it: nothing of the block is then written.
    """
