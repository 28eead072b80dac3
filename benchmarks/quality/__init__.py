"""The judge: our algorithms and their peers on the same tasks, under the same virtual clock. Not part of the service.

`python -m benchmarks.quality` says how to use it. Tasks are in `tasks`, who competes in `contestants`; a run is one
contestant on one task with one seed, and report.py compares them.
"""

import os

# Runs go side by side, one core each; a library that starts threads of its own would only slow its neighbours down.
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
