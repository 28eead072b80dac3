"""What is wrong with a space or a configuration, and where. How faults cross HTTP is the service's business.

ValueError
├── SpaceError    one fault, with the path of the offending entry
│   └── Forbidden a configuration that a search may not try, though each of its values is fine
└── SpaceErrors   every fault found in one space
"""

from __future__ import annotations


class SpaceError(ValueError):
    """One fault of a space or of a configuration.

    Attributes:
        path: Where it is, e.g. ``space.lr.low``.
        message: What was got, what it must be and the way out, e.g. ``got 0.5, must be < high (0.1); swap the bounds``.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class Forbidden(SpaceError):
    """A configuration that the space forbids although each of its values is allowed: draw another one."""


class SpaceErrors(ValueError):
    """All faults of one space, so that a person mends them in one go.

    Attributes:
        errors: The faults, in the order in which the space declares their places; never empty.
    """

    def __init__(self, errors: tuple[SpaceError, ...]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
