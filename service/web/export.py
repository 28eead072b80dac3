"""The trials of a search as a file: CSV, Parquet or JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from service.web.source import Source


def trials_file(source: Source, format: str) -> tuple[bytes, str]:
    """One row a trial: its facts, then `config.<name>` for each parameter, empty where it was inactive.

    Args:
        source: the search.
        format: csv, parquet or json.

    Returns:
        The file and its media type.
    """
    write, media_type = _WRITERS[format]
    return write([_row(trial) for trial in source.trials]), media_type


def _row(trial: Any) -> dict[str, Any]:
    facts = trial._asdict()
    config = facts.pop("config")
    return {**facts, **{f"config.{name}": value for name, value in config.items()}}


def _frame(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd  # half a second, and only for files

    return pd.DataFrame(rows)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    return str(_frame(rows).to_csv(index=False)).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    frame = _frame(rows)
    mixed = [name for name in frame.columns if len({type(value) for value in frame[name].dropna()}) > 1]
    frame.astype(dict.fromkeys(mixed, str)).to_parquet(buffer, index=False)  # a column of Parquet has one type
    return buffer.getvalue()


def _json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, default=str, separators=(",", ":")).encode()


_WRITERS: Mapping[str, tuple[Callable[[list[dict[str, Any]]], bytes], str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "parquet": (_parquet, "application/vnd.apache.parquet"),
    "json": (_json, "application/json"),
}
