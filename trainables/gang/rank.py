"""One process of a gang: builds a trial's model, trains and evaluates epochs, saves its part of a checkpoint.

A rank knows no Ray. Rank 0 lives inside the gang's own actor, the others in actors that wrap this very class; who calls
what on which rank is the gang's matter. Exceptions of user code come back as a `Failure`, not raised, so that a warm
process outlives a trial that cannot train.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import TCPStore  # what torch.distributed gives out under the same name, with types

from trainables.assignment import Assignment
from trainables.checkpoints.resuming import DamagedError
from trainables.failpoints import failpoint
from trainables.functions import FunctionTrainable
from trainables.gang.baseline import Baseline
from trainables.integrations.logger import View
from trainables.protocol import Datasets, Trainable
from trainables.registry import load_trainable
from trainables.result import CheckpointRecord, Failure, FailureKind
from trainables.training.attempt import Attempt, EpochMeasures, FileWriter, Place, SavedFiles
from trainables.training.function import FunctionAttempt
from trainables.training.loop import load_datasets
from trainables.training.replicated import ReplicatedAttempt
from trainables.training.settings import Parallel, TrainingSettings

T = TypeVar("T")

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def _pipelined(assignment: Assignment, trainable: Trainable, data: Datasets, place: Place) -> Attempt:
    # Torch's pipelining takes two seconds of a core to import, which a plain function, say, has no use for.
    from trainables.training.pipelined import PipelinedAttempt

    return PipelinedAttempt(assignment, trainable, data, place)


_KINDS: dict[Parallel, Callable[[Assignment, Trainable, Datasets, Place], Attempt]] = {
    "ddp": ReplicatedAttempt,
    "pipeline": _pipelined,
}


class Interrupted(BaseException):
    """Raised by `Rank.interrupt` where user code runs. Not an Exception: user code is unlikely to swallow it."""

    def __str__(self) -> str:
        return "another rank had failed, and this one did not notice by itself"


class Rank:
    """A rank of a gang.

    Args:
        rank: Its number, from 0.
        world: Number of ranks in the gang.
        cpus: CPU cores it may use; it computes on as many threads, at least one.
        gpus: GPUs it may use: 0 for none. With one or more per rank, ranks talk over NCCL, else over gloo.
        timeout_s: Seconds after which a collective that some rank does not join is an error.
    """

    def __init__(self, rank: int, world: int, *, cpus: float, gpus: float, timeout_s: float) -> None:
        torch.set_num_threads(max(1, int(cpus)))
        self._place = Place(rank=rank, world=world, device=torch.device("cuda", 0) if gpus > 0 else torch.device("cpu"))
        self._backend = "nccl" if gpus >= 1 else "gloo"
        self._timeout = timedelta(seconds=timeout_s)
        self._store: TCPStore | None = None
        self._data: tuple[str, Datasets] | None = None
        self._attempt: Attempt | None = None
        self._trainable: Trainable | None = None
        self._writer: FileWriter | None = None
        self._thread = 0
        self._baseline: Baseline | None = None
        self._has_group = False

    def pulse(self) -> int:
        """Return the process id: a sign of life, asked for while another thread trains."""
        return os.getpid()

    def listen(self) -> int:
        """Open a new meeting point for the ranks (rank 0 only) and return its port on the loopback interface."""
        # Port 0: the system picks one that is free, and it is taken from that moment on.
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=self._timeout)
        return int(self._store.port)

    def join(self, port: int) -> None:
        """Form the process group, leaving the former one if there is one; returns once every rank has joined.

        Raises:
            RuntimeError: A rank did not join in time.
        """
        # A gang lives on one node: its traffic needs no network, nor a host name that resolves.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
        self._leave()
        if self._place.rank > 0:
            self._store = TCPStore("127.0.0.1", port, is_master=False, timeout=self._timeout)
        self._has_group = True
        dist.init_process_group(
            # What a rank has to say of itself (that it ran out of memory, say) goes from host to host beside NCCL.
            "cpu:gloo,cuda:nccl" if self._backend == "nccl" else self._backend,
            store=self._store,
            rank=self._place.rank,
            world_size=self._place.world,
            timeout=self._timeout,
            device_id=self._place.device if self._backend == "nccl" else None,
        )

    def build(self, assignment: Assignment) -> Failure | None:
        """Build data (unless kept from before), model, optimizer and schedule, and load the checkpoint to resume from.

        What user code changed in the process before is put back first (see `baseline`).

        No rank waits for another here, so one may fail alone.
        """
        self.forget()
        if self._baseline is None:
            self._baseline = Baseline()
        self._baseline.restore()
        return self._guarded("setup", lambda: self._begin(assignment))

    def wrap(self) -> Failure | None:
        """Tie the ranks' models together; all ranks must have built. Returns once all have done so."""
        return self._guarded("setup", self._current.wrap)

    def run_epoch(self) -> EpochMeasures | Failure:
        """Train and evaluate one epoch, all ranks together."""
        failpoint("epoch.before_begin")
        return self._guarded("user", self._current.run_epoch)

    def snapshot(self) -> None:
        """Copy this rank's part of a checkpoint of the present epoch to host memory, for `write`.

        Raises:
            Exception: Whatever torch or the model's own state hooks raise.
        """
        self._writer = self._current.snapshot()

    def write(self, aside: str) -> SavedFiles:
        """Write the last snapshot into a folder that is there, and let go of it. Another thread may train meanwhile.

        Raises:
            Exception: Whatever the file system raises.
        """
        writer, self._writer = self._writer, None
        assert writer is not None, "snapshot comes first"
        return writer(Path(aside))

    @property
    def resumed_from(self) -> CheckpointRecord | None:
        """The checkpoint that the trial in hand was resumed from, or None."""
        return self._current.resumed_from

    def view(self) -> View | None:
        """Return a look at the model, if there is one and this rank has all of it."""
        if self._trainable is None or self._data is None or not isinstance(self._attempt, ReplicatedAttempt):
            return None
        return View(trainable=self._trainable, model=self._attempt.model, data=self._data[1])

    def forget(self) -> None:
        """Let go of the trial in hand and its memory; processes, group and data stay.

        Raises:
            RuntimeError: A plain function does not end; the process is of no more use.
        """
        if self._attempt is not None:
            attempt, self._attempt = self._attempt, None
            attempt.close()
            del attempt
            if self._place.device.type == "cuda":
                # Models and their DDP wrappers may hold each other in cycles; on a CPU they can wait to be collected.
                gc.collect()
                torch.cuda.empty_cache()

    def abort(self) -> None:
        """Break off a collective that another thread of this process waits in, as far as the backend can.

        gloo needs no help: it notices when the processes at the other end are gone.
        """
        if self._backend == "nccl" and dist.is_initialized():
            dist.distributed_c10d._abort_process_group()

    def interrupt(self) -> None:
        """Raise `Interrupted` in the thread that carries out `build`, `wrap` or `run_epoch`, at its next bytecode.

        Code in C is not interrupted before it returns to Python.
        """
        thread = ctypes.c_ulong(self._thread)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Interrupted))

    def close(self) -> None:
        """Let go of everything, the process group included."""
        self.forget()
        self._leave()
        self._data = None

    @property
    def _current(self) -> Attempt:
        assert self._attempt is not None, "build comes first"
        return self._attempt

    def _leave(self) -> None:
        """Leave the group that this rank joined; one that is not its own, as in a user's process, is left alone."""
        if self._has_group and dist.is_initialized():
            dist.destroy_process_group()

    def _guarded(self, kind: FailureKind, call: Callable[[], T]) -> T | Failure:
        self._thread = threading.get_ident()
        try:
            return call()
        except (Exception, SystemExit, Interrupted) as error:  # noqa: BLE001  (user code may raise anything, sys.exit included)
            failure = Failure.of(error, "checkpoint" if isinstance(error, DamagedError) else kind, self._place.rank)
        self.forget()
        gc.collect()  # an exception and its frames may hold each other, and loading workers with them
        if self._place.device.type == "cuda":
            # Some CUDA errors spoil the process for good; this raises then, and the process is not used again.
            torch.cuda.synchronize()
        return failure

    def _begin(self, assignment: Assignment) -> None:
        trainable = load_trainable(assignment.import_path)
        if isinstance(trainable, FunctionTrainable):
            self._data = None
            self._attempt = FunctionAttempt(assignment, trainable, self._place)
            return
        # A lone rank holds all stages: the whole model.
        parallel = TrainingSettings.parse(assignment.config).parallel if self._place.world > 1 else "ddp"
        data = self._datasets(assignment, trainable)
        self._trainable = trainable
        self._attempt = _KINDS[parallel](assignment, trainable, data, self._place)

    def _datasets(self, assignment: Assignment, trainable: Trainable) -> Datasets:
        values = {name: assignment.config.get(name) for name in trainable.data_parameters}
        key = json.dumps([assignment.import_path, values], sort_keys=True)
        if self._data is None or self._data[0] != key:
            self._data = None  # before loading: two data sets may not fit into memory
            self._data = key, load_datasets(trainable, assignment.config)
        return self._data[1]
