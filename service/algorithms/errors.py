"""What can be wrong with the algorithm of a spec. The shape is that of search_spaces.SpaceError: a path and a message.

ValueError
├── AlgorithmError     one fault
└── AlgorithmErrors    all faults of one algorithm section
"""


class AlgorithmError(ValueError):
    """One fault; `str()` is path and message together."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        """Where in the spec, e.g. algorithm.reduction_factor."""
        self.message = message
        """What it got, what it must be, and the way out."""


class AlgorithmErrors(ValueError):
    """All faults found in one algorithm section."""

    def __init__(self, errors: tuple[AlgorithmError, ...]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors
