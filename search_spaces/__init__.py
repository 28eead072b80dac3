"""Search spaces: what may vary in a search, sampled, counted, encoded and checked. Nothing of Ray or the service."""

from search_spaces.errors import Forbidden, SpaceError, SpaceErrors
from search_spaces.parameters import Bool, Categorical, Constant, Float, Int, Ordinal, Parameter
from search_spaces.space import Space

__all__ = [
    "Bool",
    "Categorical",
    "Constant",
    "Float",
    "Forbidden",
    "Int",
    "Ordinal",
    "Parameter",
    "Space",
    "SpaceError",
    "SpaceErrors",
]
