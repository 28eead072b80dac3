"""Loads a downloaded checkpoint in a bare process, without Ray, and evaluates it again on the validation data.

Usage: python examples/check_checkpoint.py DIRECTORY
Exits with 1 if the loss differs from the reported one by more than 1e-6.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import trainables

TOLERANCE = 1e-6


def main(directory: str) -> int:
    """Compares the reported loss with one computed here."""
    reported = json.loads(Path(directory, "state.json").read_text())["metrics"]["loss"]
    model = trainables.load(directory)
    again = trainables.evaluate(directory)["loss"]
    if "ray" in sys.modules:
        print("got Ray imported, must be loadable without it")
        return 1
    parameters = sum(parameter.numel() for parameter in model.parameters())
    difference = abs(again - reported)
    print(f"loaded a {type(model).__name__} of {parameters:,} parameters, without Ray")
    print(f"loss reported {reported:.9f}, evaluated again {again:.9f}, difference {difference:.1e}")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
