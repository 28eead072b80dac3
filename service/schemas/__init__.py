"""What crosses HTTP, in both directions, as pydantic models: the spec that comes in and the views that go out.

The API answers with them and the client reads them, so neither can drift from the other. Rules that need the cluster or
a trainable are the API's; rules of a search space are `search_spaces`'.
"""

from service.schemas.access import (
    AuditEntryView,
    AuditPage,
    KeyPage,
    KeyRequest,
    KeyView,
    NewKeyView,
    ProjectRequest,
    ProjectView,
    SessionView,
)
from service.schemas.bulk import Bulk, BulkView
from service.schemas.changes import change_schema, changed, spec_of, with_enqueued
from service.schemas.faults import faults_of, parse_spec
from service.schemas.spec import (
    Budget,
    Checkpoints,
    Objective,
    Resources,
    Retries,
    SearchSpec,
)
from service.schemas.views import (
    AlgorithmView,
    AttemptView,
    AuditView,
    BestView,
    CheckpointView,
    DifferenceView,
    EventView,
    ForecastView,
    Health,
    ReportView,
    RungCostView,
    SearchPage,
    SearchView,
    TrainableView,
    TrialPage,
    TrialView,
    ValidationView,
)

__all__ = [
    "AlgorithmView",
    "AttemptView",
    "AuditEntryView",
    "AuditPage",
    "AuditView",
    "BestView",
    "Budget",
    "Bulk",
    "BulkView",
    "CheckpointView",
    "Checkpoints",
    "DifferenceView",
    "EventView",
    "ForecastView",
    "Health",
    "KeyPage",
    "KeyRequest",
    "KeyView",
    "NewKeyView",
    "Objective",
    "ProjectRequest",
    "ProjectView",
    "ReportView",
    "Resources",
    "Retries",
    "RungCostView",
    "SearchPage",
    "SearchSpec",
    "SearchView",
    "SessionView",
    "TrainableView",
    "TrialPage",
    "TrialView",
    "ValidationView",
    "change_schema",
    "changed",
    "faults_of",
    "parse_spec",
    "spec_of",
    "with_enqueued",
]
