"""The tables of docs/algorithms.md, from the catalog: `python -m tests.support.algorithm_tables` writes them anew.

What stands between the two marks of the page is generated; the rest of it is written by people.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from service.algorithms.catalog import PRESETS, SAMPLERS, SCHEDULERS

PAGE = Path(__file__).parents[2] / "docs" / "algorithms.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def tables() -> str:
    """Presets, samplers, schedulers and their options."""
    return "\n".join([_presets(), _parts("sampler", SAMPLERS), _parts("scheduler", SCHEDULERS), _options()])


def generated(page: str) -> str:
    """What stands between the marks of a page."""
    return page.partition(BEGIN)[2].partition(END)[0]


def _presets() -> str:
    rows = (
        f"| `{name}` | `{row.sampler}` | `{row.scheduler}` | {row.description} | {row.paper} |"
        for name, row in PRESETS.items()
    )
    return _table("| preset | sampler | scheduler | what it does | paper |", rows)


def _parts(kind: str, rows) -> str:
    return _table(f"| {kind} | what it does |", (f"| `{name}` | {row.description} |" for name, row in rows.items()))


def _options() -> str:
    lines = {}
    for rows in (SAMPLERS, SCHEDULERS):
        for name, row in rows.items():
            for option in (option.to_dict() for option in row.options):
                bounds = f"{option['low']} to {option['high']}" if "low" in option else option["type"]
                default = "null" if option["default"] is None else _show(option["default"])
                cells = f"`{option['name']}` | {default} | {bounds} | {option['description']} |"
                lines.setdefault(cells, []).append(f"`{name}`")
    return _table(
        "| option | default | allowed | meaning | of |",
        (f"| {cells} {', '.join(names)} |" for cells, names in lines.items()),
    )


def _show(default) -> str:
    return f"{default:.3g}" if isinstance(default, float) else str(default)


def _table(head: str, rows: Iterable[str]) -> str:
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows, ""])


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{tables()}{END}{rest.partition(END)[2]}")
