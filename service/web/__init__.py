"""What people look at: figures as data, wide tables, files. It decides nothing and writes nothing.

Read `source` (what is drawn of), `figures` (what is drawn), `table` (trials in rows), `assets` (the files that a
browser gets), `report` and `export` (files to keep). How they are asked for is in `service.api.routes`.
"""

from service.web.figures import FIGURES, draw
from service.web.source import Source

__all__ = ["FIGURES", "Source", "draw"]
