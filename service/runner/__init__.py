"""One running search: the Study's decisions, Tune's controller that carries them out, and the ledger between the two.

Read `actor` (the process), `recovery` (how a run begins), `run` (what it does), `engine` and `controller` (how Tune
does it). Which searches run, and with how many slots, is the coordinator's.
"""

from service.runner.actor import SearchRunner, runner_name
from service.runner.audit import audit_search
from service.runner.recovery import study_of

__all__ = ["SearchRunner", "audit_search", "runner_name", "study_of"]
