"""The judge's command line.

python -m benchmarks.quality run --methods hpbandster-bohb rung-bohb --seeds 30
python -m benchmarks.quality report
python -m benchmarks.quality references TASK...
python -m benchmarks.quality list
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

from benchmarks.quality.contestants import OURS, PEERS, contestant
from benchmarks.quality.data import DataMissing
from benchmarks.quality.tasks import judged, open_task
from service.algorithms.catalog import PRESETS

WORKERS = (4, 16)
SEEDS = 30


def main() -> None:
    """Parse, dispatch."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description="Our algorithms and their peers.")
    commands = parser.add_subparsers(dest="command")
    _add_run(commands.add_parser("run", help="do the runs that are missing, and write each down"))
    _add_report(commands.add_parser("report", help="compare what there is: a table, and plots"))
    references = commands.add_parser("references", help="compute what regret is measured against")
    references.add_argument("tasks", nargs="*", metavar="TASK", help="default: the judge's tasks")
    references.set_defaults(act=_references)
    commands.add_parser("list", help="say which tasks and methods there are").set_defaults(act=_list)
    arguments = parser.parse_args()
    if arguments.command is None:
        parser.print_help()
        return
    arguments.act(arguments)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (default %(default)s)")
    parser.set_defaults(act=_run)


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser)
    parser.add_argument("--stale", action="store_true", help="take results of other code too, the latest of each run")
    parser.add_argument("--default", metavar="NAME", help="a method to pair with every other one")
    parser.set_defaults(act=_report)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="default: the peers, and every preset of ours")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="default: the judge's tasks")
    parser.add_argument("--workers", nargs="+", type=int, default=WORKERS, metavar="W", help="default: 4 16")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0 (default %(default)s)")


def _methods(arguments: argparse.Namespace) -> list[str]:
    names: list[str] = arguments.methods or [*PEERS, *(OURS + name for name in PRESETS if name != "grid")]
    return _checked(names, contestant)


def _tasks(arguments: argparse.Namespace) -> list[str]:
    try:
        names: list[str] = arguments.tasks or judged()
    except DataMissing as error:
        raise SystemExit(f"error: {error}") from None
    return _checked(names, open_task)


def _checked(names: list[str], find: Callable[[str], object]) -> list[str]:
    """The names, if there is something behind each: a wrong one is refused before hours of runs."""
    try:
        for name in names:
            find(name)
    except (ValueError, DataMissing) as error:
        raise SystemExit(f"error: {error}") from None
    return names


def _run(arguments: argparse.Namespace) -> None:
    from benchmarks.quality.running import carry_out, plan

    warnings.simplefilter("ignore")  # the peers' libraries, with every call
    planned = plan(_methods(arguments), _tasks(arguments), arguments.workers, range(arguments.seeds))
    carry_out(planned, arguments.jobs)


def _report(arguments: argparse.Namespace) -> None:
    from benchmarks.quality.report import report
    from benchmarks.quality.statistics import known

    methods, tasks = _methods(arguments), _tasks(arguments)
    outcomes = {method: known(method, tasks, stale=arguments.stale) for method in methods}
    print(report(outcomes, tasks, arguments.workers, range(arguments.seeds), arguments.default))


def _references(arguments: argparse.Namespace) -> None:
    from benchmarks.quality.references import compute

    compute(_tasks(arguments))


def _list(_arguments: argparse.Namespace) -> None:
    print("tasks:", *judged(), sep="\n  ")
    print("peers:", *PEERS, sep="\n  ")
    print("ours:", *(OURS + name for name in PRESETS), OURS + "SAMPLER+SCHEDULER", sep="\n  ")


if __name__ == "__main__":
    main()
