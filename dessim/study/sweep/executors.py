"""Where jobs are done: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from dessim.errors import UserError
from dessim.files.reading import MIB, UnreadableError, read_file, read_json
from dessim.study.sweep.memory import usable_bytes

SILENCE_S = 15.0
"""A cluster that cannot be reached for so long is lost."""
LOOK_EVERY_S = 2.0
TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
PLAIN = ("tcp", "ws", "ucx")
_ADDRESS = re.compile(
    r"(?P<scheme>tcp|tls|ws|wss|ucx)://(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.%]+\]):(?P<port>[0-9]{1,5})"
)
MOST_PORTS = 1 << 16


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


class ClusterMissingError(UserError):
    """A cluster that cannot be used: the library or its scheduler is not there."""


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
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, spawn, initializer=_begin_worker)
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
        pool.shutdown(wait=False, cancel_futures=True)
        children = set(multiprocessing.active_children()) - self._others
        for child in children:
            child.terminate()
        for child in children:
            child.join(5.0)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
        Folder with ``TLS_FILES``: the scheduler must speak TLS and have a certificate of this CA.

    Raises
    ------
    ClusterMissingError
        If the extra `cluster` is not installed, or the scheduler cannot be reached.
    """

    tries = 2  # each of them is four deaths: Dask tries again by itself

    def __init__(
        self, cluster: str, count: int, *, plain: bool = False, tls: Path | None = None
    ) -> None:
        try:
            distributed: Any = import_module("distributed")  # typed or not, installed or not
        except ImportError as error:
            text = "--cluster needs dask.distributed: pip install 'dessim[cluster]'"
            raise ClusterMissingError(text) from error
        self.memory_bytes: int | None = None
        self._local: Any = None
        self._client: Any
        if cluster == "local":
            self.memory_bytes = usable_bytes()
            self._local = distributed.LocalCluster(
                n_workers=count, threads_per_worker=1, memory_limit=0, dashboard_address=None
            )
            self._client = distributed.Client(self._local)
        else:
            address = address_of(Path(cluster), plain=plain, tls=tls is not None)
            try:
                security = distributed.Security(**certificates_of(tls)) if tls else None
                self._client = distributed.Client(address, timeout=SILENCE_S, security=security)
            except (OSError, ValueError, TypeError, RuntimeError) as error:
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
        with suppress(Exception):
            self._executor.shutdown(wait=not at_once)
        with suppress(Exception):
            self._client.close(timeout=5)
        if self._local is not None:
            with suppress(Exception):
                self._local.close(timeout=5)


def certificates_of(folder: Path) -> dict[str, Any]:
    """Return what Dask calls the files of a folder, once they have been found to be usable.

    Raises
    ------
    ClusterMissingError
        If one is not there, holds no certificate or key, or a key that needs a passphrase: OpenSSL
        would ask for it at the terminal.
    """
    import ssl

    ca, cert, key = (folder / name for name in TLS_FILES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in (ca, cert, key):
        try:
            text = read_file(path, MIB)
        except UnreadableError as error:
            raise ClusterMissingError(
                f"{error}; --cluster-tls wants a folder with {', '.join(TLS_FILES)}"
            ) from None
        if b"\nProc-Type: 4,ENCRYPTED" in text or b"BEGIN ENCRYPTED" in text:
            raise ClusterMissingError(f"{path}: it needs a passphrase: give a key without one")
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as error:
        raise ClusterMissingError(f"{ca}: no certificate: {_reason(error)}") from None
    try:
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise ClusterMissingError(
            f"{cert}, {key}: no certificate and its key: {_reason(error)}"
        ) from None
    files = {"tls_ca_file": str(ca), "tls_client_cert": str(cert), "tls_client_key": str(key)}
    return {"require_encryption": True, **files}


def _no_passphrase() -> str:
    raise ValueError("it needs a passphrase")


def _reason(error: BaseException) -> str:
    return " ".join((getattr(error, "reason", None) or str(error)).split())


def address_of(file: Path, *, plain: bool = False, tls: bool = False) -> str:
    """Return the address in a scheduler file.

    Whoever answers there can run any code here and on the workers: Dask talks pickle. So another
    machine is spoken to by TLS, or where somebody says that the network is trusted.

    Raises
    ------
    ClusterMissingError
        If the file holds none, or one that is not to be trusted.
    """
    try:
        found = read_json(file, MIB)
    except UnreadableError as error:
        raise ClusterMissingError(
            f"{error}: `dask scheduler --scheduler-file` writes one"
        ) from None
    address = found.get("address") if isinstance(found, dict) else None
    parts = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if parts is None or not 0 < int(parts["port"]) < MOST_PORTS:
        text = f"{file}: not a scheduler file: it has no address such as tls://10.0.0.1:8786"
        raise ClusterMissingError(text)
    if tls and parts["scheme"] in PLAIN:
        raise ClusterMissingError(
            f"{file}: {parts[0]} is not encrypted: give scheduler and workers --tls-ca-file,"
            " --tls-cert and --tls-key (docs/scale.md)"
        )
    if parts["scheme"] in PLAIN and not plain and not _is_here(parts["host"]):
        raise ClusterMissingError(
            f"{file}: {parts[0]} is another machine, without encryption: anyone who answers there"
            " can run code here. Give scheduler, workers and this command TLS (--cluster-tls,"
            " docs/scale.md), or pass --cluster-plain on a trusted network"
        )
    return parts[0]


def _is_here(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


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
