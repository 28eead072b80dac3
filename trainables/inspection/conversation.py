"""How these programs talk: a JSON object a line, questions on standard input, answers on standard output.

The first question names a trainable, the first answer has its space, the second question a configuration. What user
code prints goes to standard error. An answer of the event "error" is the last one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trainables.protocol import Config, Trainable
from trainables.registry import BrokenTrainableError, Registry, UnknownTrainableError, load_trainable

Question = Mapping[str, Any]
Ask = Callable[..., None]


def converse(program: Callable[[Trainable, Config, Iterator[Question], Ask], None]) -> None:
    """Run a program on the trainable and the configuration that are asked about, then exit: 0 done, 1 with an error.

    Args:
        program: Gets the trainable, the configuration, the questions that follow, and what sends an answer, called
            with the event's name and its facts.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    questions = (json.loads(line) for line in sys.stdin)

    def answer(event: str, **facts: Any) -> None:
        print(json.dumps({"event": event, **facts}), file=answers, flush=True)

    asked = next(questions)
    try:
        trainable = _trainable(asked)
        answer("trainable", space=dict(trainable.space))
        program(trainable, next(questions)["config"], questions, answer)
    except (BrokenTrainableError, UnknownTrainableError, ValueError) as error:
        answer("error", message=str(error))
        sys.exit(1)
    except Exception as error:
        answer("error", message=f"{asked['name']}: got {type(error).__name__}: {error}; see what it says above")
        raise


def _trainable(asked: Question) -> Trainable:
    trainable = load_trainable(Registry.parse(asked["trainables"]).find(asked["name"]))
    if not isinstance(trainable, Trainable):
        raise ValueError(
            f"trainable: got {asked['name']}, a plain function, must be a Trainable: nobody knows its model but itself"
        )
    return trainable
