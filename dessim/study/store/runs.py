"""Finished runs on disk: one directory each, complete or not there.

A run's directory is named by the hash of all that decides its result. It is written in a temporary
folder, flushed to the disk, and renamed; so a run that can be seen is whole. What is read back is
checked, and a damaged directory is treated as if it were not there.

`stats.json` holds the result and the checksum of `resolved.yaml`; `provenance.json`, which may hold
host time, that of `config.yaml`. Both end with a checksum of their own bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dessim.files.atomic import flush, workspace, write_through
from dessim.files.reading import UnreadableError, parse_json, read_file
from dessim.study.store.version import model_version

if TYPE_CHECKING:
    from dessim.kernel.histogram import Counts
    from dessim.kernel.result import RunResult
    from dessim.model import Point

FILES = ("config.yaml", "resolved.yaml", "stats.json", "provenance.json")
STORE_FORMAT = 2
CHECKSUM = re.compile(rb',\n"sha256":"([0-9a-f]{64})"}\n\Z')
_NAME = re.compile(r"[0-9a-f]{64}\Z")


@lru_cache
def _fields() -> tuple[str, ...]:
    """Fields of a run's result."""
    from dessim.kernel.result import RunResult  # here: the kernel takes long to import

    return tuple(field.name for field in fields(RunResult))


class DamagedRunError(ValueError):
    """A run's directory that does not hold what it should."""


class OtherVersionError(DamagedRunError):
    """A whole run of another version of dessim, which noted other things about it."""


@dataclass(frozen=True)
class RunKey:
    """What a run is called in the store.

    Attributes
    ----------
    digest : str, 64 hexadecimal digits
    resolved : str
        The point in full, as JSON.
    replication : int
    engine : str
    model_version : str
        Of the sources with which it is to be done.
    """

    digest: str
    resolved: str
    replication: int
    engine: str
    model_version: str


def run_key(point: Point, replication: int, engine: str) -> RunKey:
    """Name a run by the hash of its resolved point, replication, engine and model version."""
    return keys_of(point, [replication], engine)[0]


def keys_of(point: Point, replications: range | list[int], engine: str) -> list[RunKey]:
    """Name several runs of one point: as ``run_key``, resolving the point once."""
    resolved, version = canonical(point.resolved()), model_version()
    return [
        RunKey(
            _sha256(f"{STORE_FORMAT}\n{version}\n{engine}\n{i}\n{resolved}".encode()),
            resolved,
            i,
            engine,
            version,
        )
        for i in replications
    ]


def canonical(data: Any) -> str:
    """JSON text in one fixed form: keys in their order, on one line, with a trailing newline."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"


class Store:
    """A directory of finished runs.

    Parameters
    ----------
    root : Path
        Made when the first run is stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: RunKey) -> Path:
        """Directory of a run, whether it is there or not."""
        return self.root / key.digest

    def has(self, key: RunKey) -> bool:
        """Whether a run's directory is there; its content is not looked at."""
        return self.path(key).is_dir()

    def digests(self) -> list[str]:
        """Names of all run directories, whole or not, in order."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in self.root.iterdir() if _NAME.match(path.name))
        return []

    def load(self, key: RunKey) -> RunResult | None:
        """Read a stored run and check it.

        Returns
        -------
        RunResult or None
            None if it is not there.

        Raises
        ------
        DamagedRunError
            If its directory is incomplete or holds anything else than was written.
        OtherVersionError
            If another version of dessim wrote it, with other fields.
        """
        return self.load_digest(key.digest)

    def load_digest(self, digest: str) -> RunResult | None:
        """Read a stored run by its name: as ``load``."""
        folder = f"{self.root}/{digest}"
        try:
            return _run_of(self._body(digest))
        except OtherVersionError:
            raise
        except DamagedRunError as error:
            if not os.path.lexists(folder):
                return None
            raise DamagedRunError(f"{folder}: {error}") from error.__cause__
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedRunError(f"{folder}: stats.json is not a result of a run") from error

    def is_whole(self, digest: str) -> bool:
        """Whether a run is there, every byte of it as it was written."""
        try:
            self._body(digest)
        except (KeyError, TypeError, ValueError):  # DamagedRunError is one
            return False
        return True

    def _body(self, digest: str) -> dict[str, Any]:
        """Read what is noted of a run as plain data, after a check of all its files."""
        folder = f"{self.root}/{digest}"
        config, resolved, stats, provenance = (_read(folder, name) for name in FILES)
        body = _checked(stats, "stats.json")
        origin = _checked(provenance, "provenance.json")
        if body["key"] != digest:
            raise DamagedRunError("stats.json belongs to another run")
        if body["resolved_sha256"] != _sha256(resolved):
            raise DamagedRunError("resolved.yaml does not agree with its checksum")
        if origin["config_sha256"] != _sha256(config):
            raise DamagedRunError("config.yaml does not agree with its checksum")
        return body

    def save(
        self, key: RunKey, run: RunResult, config: str, provenance: dict[str, Any]
    ) -> RunResult:
        """Store a run: write it to a temporary folder, flush it, rename it into its place.

        Parameters
        ----------
        key : RunKey
        run : RunResult
        config : str
            The experiment as written.
        provenance : dict
            What else is known about the run; may hold host time.

        Raises
        ------
        OSError
            If the disk is full or not writable; the store is then as before.
        """
        resolved = f"# replication {key.replication}, engine {key.engine}\n{_as_yaml(key.resolved)}"
        stats = _stats(key, run, resolved)
        origin = {**provenance, "config_sha256": _sha256(config.encode())}
        texts = (config.encode(), resolved.encode(), _sealed(stats), _sealed(origin))
        with workspace(self.root) as folder:
            write_through(folder, dict(zip(FILES, texts, strict=True)))
            _put_in_place(folder, self.path(key))
            flush(self.root)
        return run

    def discard(self, digest: str) -> None:
        """Remove a run's directory in one step: it is there or not, never half."""
        with workspace(self.root) as temporary, suppress(FileNotFoundError):
            (self.root / digest).rename(temporary / "gone")


@dataclass(frozen=True)
class StoredRun:
    """A run's directory.

    Attributes
    ----------
    digest : str
        Its name.
    damage : str
        What is wrong with it; empty if nothing is.
    foreign : bool
        Whether it is a whole one of another version, which this one does not read.
    """

    digest: str
    damage: str = ""
    foreign: bool = False


def all_runs(store: Store) -> Iterator[StoredRun]:
    """Read and check every run of a store; results are not kept: there may be many."""
    for digest in store.digests():
        try:
            store.load_digest(digest)
            yield StoredRun(digest)
        except OtherVersionError:
            yield StoredRun(digest, foreign=True)
        except DamagedRunError as error:
            yield StoredRun(digest, str(error))


def _put_in_place(new: Path, place: Path) -> None:
    """Rename a finished directory into its place; whatever was there before moves away first."""
    for attempt in range(10):  # another process may store the same run at the same time
        try:
            new.rename(place)
            return
        except OSError:
            if not os.path.lexists(place):
                raise
        with suppress(FileNotFoundError):
            place.rename(new.parent / f"old{attempt}")
    raise OSError(f"{place}: other processes keep replacing this run")


def _read(folder: str, name: str) -> bytes:
    try:
        # No Path: forty thousand files are read when a large sweep is resumed.
        return read_file(f"{folder}/{name}")
    except UnreadableError as error:
        reason = " is missing" if error.missing else f": {error.reason}"
        raise DamagedRunError(f"{name}{reason}") from error


@lru_cache(maxsize=64)
def _as_yaml(resolved: str) -> str:
    """The point as an experiment of its own, for people and for `dessim run`."""
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(json.loads(resolved), Dumper=dumper, sort_keys=False, allow_unicode=True)
    return text


def _stats(key: RunKey, run: RunResult, resolved: str) -> dict[str, Any]:
    return {
        "key": key.digest,
        "replication": key.replication,
        "engine": key.engine,
        "model_version": key.model_version,
        "resolved_sha256": _sha256(resolved.encode()),
        "run": {name: getattr(run, name) for name in _fields()}
        | {"calls": {name: asdict(call) for name, call in run.calls.items()}},
    }


def _sealed(data: dict[str, Any]) -> bytes:
    """JSON, a line for each key, with a checksum of all that stands before it as the last key."""
    lines = [
        json.dumps(key) + ":" + json.dumps(value, ensure_ascii=False, allow_nan=False)
        for key, value in data.items()
    ]
    body = ("{" + ",\n".join(lines)).encode()
    return body + f',\n"sha256":"{_sha256(body)}"}}\n'.encode()


def _checked(data: bytes, name: str) -> dict[str, Any]:
    """Return what a sealed text holds.

    Raises
    ------
    DamagedRunError
        If a byte of it is not what was written.
    """
    seal = CHECKSUM.search(data, max(0, len(data) - 96))
    if seal is None or _sha256(data[: seal.start()]) != seal[1].decode():
        raise DamagedRunError(f"{name} does not agree with its checksum")
    content: dict[str, Any] = parse_json(data)
    return content


def _counts(rows: list[list[int]]) -> Counts:
    return tuple((bucket, n) for bucket, n in rows)


def _run_of(body: dict[str, Any]) -> RunResult:
    from dessim.kernel.result import Latencies, RunResult

    data: dict[str, Any] = body["run"]
    if data.keys() != set(_fields()):
        if body["model_version"] != model_version():
            raise OtherVersionError("another version of dessim stored this run")
        raise DamagedRunError("stats.json has other fields than a run")
    for name in ("latency_counts", "major_counts"):
        data[name] = _counts(data[name])
    data["calls"] = {
        name: Latencies(**(call | {"counts": _counts(call["counts"])}))
        for name, call in data["calls"].items()
    }
    for name in (name for name in data if name.startswith("series_") and name != "series_bin_ps"):
        data[name] = tuple(data[name])
    return RunResult(**data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
