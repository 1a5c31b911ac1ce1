"""Where jobs are done: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from dessim.study.sweep.dask_scheduler import (
    LOCAL,
    ClusterMissingError,
    address_of,
    certificates_of,
    shake_hands,
)
from dessim.study.sweep.interrupts import DeafContext, deaf, later
from dessim.study.sweep.memory import usable_bytes

SILENCE_S = 15.0
"""A cluster that cannot be reached for so long is lost."""
LOOK_EVERY_S = 2.0


class ClusterLostError(RuntimeError):
    """The scheduler of a cluster cannot be reached any more."""


class Workers(Protocol):
    """Where jobs are done.

    Attributes
    ----------
    count : int
        Jobs that run at the same time.
    memory_bytes : int or None
        What they may use together; None if somebody else sees to that.
    tries : int
        How many deaths of its worker a job may survive, less one.
    """

    tries: int

    @property
    def count(self) -> int:
        """Jobs that run at the same time."""

    @property
    def memory_bytes(self) -> int | None:
        """What they may use together; None if somebody else sees to that."""

    def executor(self) -> Executor:
        """Return the executor; a new one after it broke."""

    def broken(self) -> None:
        """Note that the executor broke."""

    def check(self) -> None:
        """Raise ClusterLostError if there is nobody left to wait for."""

    def was_killed(self, error: BaseException) -> bool:
        """Return whether an error says that the worker died, and not that the job failed."""

    def close(self, *, at_once: bool = False) -> None:
        """Let the workers go."""


class LocalWorkers:
    """Processes of this machine.

    Parameters
    ----------
    count : int, >= 1
    """

    tries = 5

    def __init__(self, count: int) -> None:
        self.count = count
        self.memory_bytes: int | None = usable_bytes()
        self._pool: ProcessPoolExecutor | None = None
        self._others: set[Any] = set()

    def executor(self) -> Executor:
        """Return the pool of processes; a new one after a worker was killed."""
        if self._pool is None:
            self._others = set(multiprocessing.active_children())
            self._pool = ProcessPoolExecutor(self.count, DeafContext(), initializer=_begin_worker)
        return self._pool

    def broken(self) -> None:
        """Let what is left of the pool go."""
        self.close(at_once=True)

    def check(self) -> None:
        """Nothing to do: a dead process is noticed by the pool."""

    def was_killed(self, error: BaseException) -> bool:
        """Return whether a worker died."""
        return isinstance(error, BrokenExecutor)

    def close(self, *, at_once: bool = False) -> None:
        """Let the processes go; at once: without an end to what they are doing."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if not at_once:
            pool.shutdown()
            return
        with later():
            children = set(multiprocessing.active_children()) - self._others
            for child in children:
                child.terminate()
            for child in children:
                child.join(5.0)
                child.kill()
            pool.shutdown(cancel_futures=True)  # its thread, which Python must not meet as it ends


def _begin_worker() -> None:
    """Do not outlive the parent, to whom Ctrl-C is left."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)  # nobody waits for this run any more; what is half written is a leftover


class ClusterWorkers:
    """The workers of a Dask cluster; they may come and go.

    Parameters
    ----------
    cluster : str
        `local`, or the scheduler file of a cluster that runs already.
    count : int, >= 1
        Workers of a local cluster.
    plain : bool
        Whether a scheduler on another machine may be spoken to without TLS.
    tls : Path, optional
        Folder with ca.pem, cert.pem and key.pem: the scheduler must speak TLS and have a
        certificate of this CA.

    Raises
    ------
    ClusterMissingError
        If the extra `cluster` is not installed, or the scheduler cannot be reached.
    """

    tries = 2  # each of them is four deaths: Dask tries again by itself

    def __init__(
        self, cluster: str, count: int, *, plain: bool = False, tls: Path | None = None
    ) -> None:
        with later():
            distributed = _distributed()
        self.memory_bytes: int | None = None
        self._local: Any = None
        self._client: Any
        if cluster == LOCAL:
            self.memory_bytes = usable_bytes()
            self._others = set(multiprocessing.active_children())
            with deaf():
                self._local = distributed.LocalCluster(
                    n_workers=count, threads_per_worker=1, memory_limit=0, dashboard_address=None
                )
                self._client = distributed.Client(self._local)
        else:
            address = address_of(Path(cluster), plain=plain, tls=tls is not None)
            security = distributed.Security(**(certificates_of(tls) if tls else {}))
            shake_hands(cluster, address, security, SILENCE_S)
            try:
                with later():
                    self._client = distributed.Client(address, timeout=SILENCE_S, security=security)
            except Exception as error:
                reason = " ".join(str(error).split())
                raise ClusterMissingError(f"{cluster}: no scheduler answers: {reason}") from error
        self._killed: type[BaseException] = distributed.KilledWorker
        self._executor = self._client.get_executor()
        self._count, self._looked = 1, -LOOK_EVERY_S
        self._silent_since: float | None = None

    @property
    def count(self) -> int:
        """Threads of all workers, as they are now."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            with suppress(Exception):  # whether it is lost is asked in `check`
                self._count = max(1, sum(self._client.nthreads().values()))
        return self._count

    def executor(self) -> Executor:
        """Return Dask's executor."""
        executor: Executor = self._executor
        return executor

    def broken(self) -> None:
        """Nothing to do: Dask replaces its workers."""

    def check(self) -> None:
        """Raise ClusterLostError if the scheduler has been silent for long."""
        if self._client.status == "running":
            self._silent_since = None
            return
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        if now - self._silent_since > SILENCE_S or self._client.status == "closed":
            raise ClusterLostError("the cluster's scheduler is gone")

    def was_killed(self, error: BaseException) -> bool:
        """Return whether several workers died of a job."""
        return isinstance(error, self._killed)

    def close(self, *, at_once: bool = False) -> None:
        """Leave the cluster; end it if it is our own."""
        with later():
            if at_once:
                self._cut_off()
            self._leave(wait=not at_once)

    def _cut_off(self) -> None:
        """Kill our own workers: asked to end amid a run, they would log what they lost."""
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        if self._local is not None:
            for nanny in self._local.workers.values():
                nanny.auto_restart = False
            for child in set(multiprocessing.active_children()) - self._others:
                child.kill()

    def _leave(self, *, wait: bool) -> None:
        with suppress(Exception):
            self._executor.shutdown(wait=wait)
        with suppress(Exception):
            self._client.close(timeout=5)
        if self._local is not None:
            with suppress(Exception):
                self._local.close(timeout=5)


def _distributed() -> Any:  # typed or not, installed or not
    try:
        return import_module("distributed")
    except ImportError as error:
        text = "--cluster needs dask.distributed: pip install 'dessim[cluster]'"
        raise ClusterMissingError(text) from error


def open_workers(
    count: int, cluster: str | None = None, *, plain: bool = False, tls: Path | None = None
) -> Workers | None:
    """Return where jobs are done; None: in this process.

    Raises
    ------
    ClusterMissingError
        If there is no such cluster.
    """
    if cluster is not None:
        return ClusterWorkers(cluster, count, plain=plain, tls=tls)
    return LocalWorkers(count) if count > 1 else None
