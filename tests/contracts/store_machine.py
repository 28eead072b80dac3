"""Any sequence of verbs, legal or not: the ledger agrees with the edge tables, and its log tells the whole story."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from service.errors import Conflict, Fenced, NotFound
from service.models import Lease
from service.states import SEARCH_EDGES, TRIAL_EDGES, Intent, SearchState, TrialState
from service.store import EventKind, Ledger, Writer
from tests.contracts.story import begun, succeeds

TRIALS = st.integers(1, 3)
ORDER = tuple(Intent)
REFUSALS = (Conflict, NotFound)


class MachineContract:
    def test_any_sequence_of_verbs_keeps_to_the_diagram(self, ledger: Ledger) -> None:
        run_state_machine_as_test(
            lambda: Verbs(ledger),  # type: ignore[arg-type]  # any maker of machines will do
            settings=settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


class Verbs(RuleBasedStateMachine):
    """A model of one search beside the ledger's; each rule predicts whether its verb may pass."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    @initialize()
    def begin(self) -> None:
        self.story = begun(self.ledger)
        self.search = self.story.search
        self.state = SearchState.RUNNING
        self.intent = Intent.RUN
        self.trials: dict[int, TrialState] = {}
        self.attempts: dict[int, int] = {}
        self.open: set[int] = set()
        self.seen: set[tuple[int, int]] = set()
        self.reported: set[tuple[int, int, int]] = set()
        self.lost: list[Lease] = []
        self.length = self.story.read().last_seq

    def check(self, may: bool, verb: Callable[[Writer], object]) -> None:
        """The verb passes if and only if it may; one that is refused leaves no trace."""

        def write() -> None:
            with self.story.writing() as writer:
                verb(writer)

        assert succeeds(write, REFUSALS) == may
        length = self.story.read().last_seq
        assert (length > self.length) == may
        self.length = length

    @rule(number=TRIALS)
    def propose(self, number: int) -> None:
        may = number not in self.trials and not self.state.is_terminal
        self.check(may, lambda w: w.propose(self.search, number, {}, {}, {"number": number}))
        if may:
            self.trials[number] = TrialState.PENDING
            self.attempts[number] = 0

    @rule(number=TRIALS)
    def begin_attempt(self, number: int) -> None:
        state = self.trials.get(number)
        may = (
            state is not None
            and TrialState.RUNNING in TRIAL_EDGES[state]
            and number not in self.open
            and not self.state.is_terminal
        )
        self.check(may, lambda w: w.begin_attempt(self.search, number, 0))
        if may:
            self.trials[number] = TrialState.RUNNING
            self.attempts[number] += 1
            self.open.add(number)

    @rule(number=TRIALS)
    def end_attempt(self, number: int) -> None:
        may = number in self.open
        self.check(may, lambda w: w.end_attempt(self.search, number, "lost", "by the machine"))
        self.open.discard(number)

    @rule(number=TRIALS, to=st.sampled_from([state for state in TrialState if state is not TrialState.RUNNING]))
    def move_trial(self, number: int, to: TrialState) -> None:
        state = self.trials.get(number)
        may = state is not None and to in TRIAL_EDGES[state]
        self.check(may, lambda w: w.move_trial(self.search, number, to, "by the machine"))
        if may:
            self.trials[number] = to

    @rule(number=TRIALS)
    def resume(self, number: int) -> None:
        may = self.trials.get(number) is TrialState.PAUSED
        self.check(may, lambda w: w.resume(self.search, number, {}, "by the machine"))

    @rule(number=TRIALS, epoch=st.integers(1, 3), told=st.booleans(), value=st.floats(allow_nan=True))
    def report(self, number: int, epoch: int, told: bool, value: float) -> None:
        attempt = self.attempts.get(number, 1)
        may = (
            self.trials.get(number) is TrialState.RUNNING
            and number in self.open
            and (number, attempt, epoch) not in self.reported
            and not (told and (number, epoch) in self.seen)
        )
        self.check(
            may,
            lambda w: self.story.report_in(
                w,
                number,
                epoch,
                value,
                attempt=attempt,
                fact={"epoch": epoch} if told else None,
            ),
        )
        if may:
            self.reported.add((number, attempt, epoch))
            self.seen |= {(number, epoch)} if told else set()

    @rule(to=st.sampled_from([SearchState.RUNNING, SearchState.PAUSED, SearchState.COMPLETED, SearchState.QUEUED]))
    def move_search(self, to: SearchState) -> None:
        may = to in SEARCH_EDGES[self.state]
        self.check(may, lambda w: w.move_search(self.search, to, "by the machine"))
        self.state = to if may else self.state

    @rule(intent=st.sampled_from(ORDER))
    def request(self, intent: Intent) -> None:
        may = not self.state.is_terminal and ORDER.index(intent) >= ORDER.index(self.intent)
        assert succeeds(lambda: self.ledger.request(self.search, intent), REFUSALS) == may
        self.length += may and intent is not self.intent
        self.intent = intent if may else self.intent
        if may and intent is Intent.CANCEL and self.state in (SearchState.QUEUED, SearchState.PAUSED):
            self.state = SearchState.CANCELLED  # nothing of it runs, so it ends at once, and what waits of it
            for number, state in self.trials.items():
                if state in (TrialState.PENDING, TrialState.PAUSED):
                    self.trials[number] = TrialState.CANCELLED
            self.length = self.story.read().last_seq

    @rule()
    def take_over(self) -> None:
        self.lost.append(self.story.lease)
        self.story.lease = self.ledger.seize_lease(f"search/{self.search}", f"runner-{len(self.lost) + 1}", 60)

    @rule()
    def write_under_a_lost_lease(self) -> None:
        for lease in self.lost:
            assert not succeeds(partial(self._note, lease), Fenced)

    def _note(self, lease: Lease) -> None:
        with self.ledger.write(lease) as writer:
            writer.event(self.search, EventKind.WARNING, {})

    @invariant()
    def the_ledger_agrees_with_the_model(self) -> None:
        search = self.story.read()
        assert (search.state, search.intent, search.last_seq) == (self.state, self.intent, self.length)
        assert {trial.number: trial.state for trial in self.ledger.trials(self.search)} == self.trials

    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        events = self.ledger.events(self.search)
        assert [event.seq for event in events] == list(range(1, self.length + 1))
        at: dict[int | None, str] = {None: SearchState.QUEUED}
        for event in events:
            if event.kind == EventKind.TRIAL_PROPOSED:
                at[event.trial] = TrialState.PENDING
            if event.kind in (EventKind.TRIAL_STATE, EventKind.SEARCH_STATE):
                assert event.data["from"] == at[event.trial]
                assert event.data["to"] in _edges(event.trial, at[event.trial])
                assert event.data["reason"]
                at[event.trial] = event.data["to"]
        assert at.pop(None) == self.state
        assert at == self.trials
        facts = [step.data["epoch"] for step in self.ledger.history(self.search) if step.kind == "fact"]
        assert len(facts) == len(self.seen)


def _edges(trial: int | None, state: str) -> frozenset[SearchState] | frozenset[TrialState]:
    return SEARCH_EDGES[SearchState(state)] if trial is None else TRIAL_EDGES[TrialState(state)]
