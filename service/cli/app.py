"""The commands put together, and the one place where an error becomes a message and an exit code.

Exit codes: 0 done; 1 failed, or refused by the service; 2 the spec or the command line is wrong; 124 `wait` ran out of
time. An error that Rung raises on purpose never shows a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from service.cli import (
    access,
    acting,
    continuing,
    diagnosis,
    inspecting,
    looking,
    operating,
    reading,
    simulating,
    submitting,
    watching,
)
from service.cli.console import complain
from service.client import ApiError, ClientError
from service.errors import InvalidInput, RungError

FAILED = 1
WRONG_INPUT = 2

app = typer.Typer(
    name="rung",
    help="Hyperparameter searches on a Ray cluster of your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS = (
    operating,
    submitting,
    simulating,
    reading,
    looking,
    inspecting,
    watching,
    acting,
    continuing,
    access,
    diagnosis,
)
for commands in _COMMANDS:
    commands.register(app)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command and exits.

    Args:
        argv: the words after `rung`; default: the process's.
    """
    try:
        app(args=None if argv is None else list(argv))
    except ApiError as error:
        complain(str(error), _way_out(error))
        sys.exit(WRONG_INPUT if error.status in (400, 422) else FAILED)
    except InvalidInput as error:
        complain("\n".join(f"{fault.path}: {fault.message}" for fault in error.faults))
        sys.exit(WRONG_INPUT)
    except (ClientError, RungError) as error:
        complain(str(error))
        sys.exit(FAILED)
    except (ValueError, OSError) as error:
        complain(str(error))
        sys.exit(WRONG_INPUT)


def _way_out(error: ApiError) -> str | None:
    return _WAYS_OUT.get(error.status)


_WAYS_OUT = {
    400: "nothing was submitted",
    401: "set RUNG_TOKEN to your key, or to the token that `rung up` showed, or run this where its RUNG_HOME is",
    403: "`rung keys ls` shows what each key may do; an admin makes another",
    404: "`rung ls` lists the searches there are",
    422: "nothing was submitted; correct the lines above, `rung submit --dry-run` checks without submitting",
    503: "`rung doctor` says what does not answer",
}
