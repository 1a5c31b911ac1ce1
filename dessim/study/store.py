"""Finished runs on disk: one directory each, complete or not there.

A run's directory is named by the hash of all that decides its result. It is written aside, flushed
to the disk, and renamed; so a run that can be seen is whole. What is read back is checked, and a
damaged directory is treated as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dessim.kernel.result import RunResult
from dessim.model import Point
from dessim.study.version import model_version

FILES = ("config.yaml", "resolved.yaml", "stats.json", "provenance.json")
STORE_FORMAT = 1


class DamagedRunError(ValueError):
    """A run's directory that does not hold what it should."""


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
    """

    digest: str
    resolved: str
    replication: int
    engine: str


def run_key(point: Point, replication: int, engine: str) -> RunKey:
    """Name a run by the hash of its resolved point, replication, engine and model version."""
    return keys_of(point, [replication], engine)[0]


def keys_of(point: Point, replications: range | list[int], engine: str) -> list[RunKey]:
    """Name several runs of one point: as ``run_key``, resolving the point once."""
    resolved = canonical(point.resolved())
    return [
        RunKey(
            _sha256(f"{STORE_FORMAT}\n{model_version()}\n{engine}\n{i}\n{resolved}"),
            resolved,
            i,
            engine,
        )
        for i in replications
    ]


def canonical(data: Any) -> str:
    """JSON text in one fixed form: keys in their order, one trailing newline."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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
        """
        folder = self.path(key)
        if not folder.is_dir():
            return None
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise DamagedRunError(f"{folder}: {', '.join(missing)} is missing")
        try:
            stats = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
            resolved = (folder / "resolved.yaml").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DamagedRunError(f"{folder}: {error}") from error
        return _checked_run(stats, resolved, key, folder)

    def save(
        self, key: RunKey, run: RunResult, config: str, provenance: dict[str, Any]
    ) -> RunResult:
        """Store a run: write it aside, flush it, rename it into its place.

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
        aside = self.root / ".unfinished"
        aside.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=key.digest[:16] + "-", dir=aside))
        try:
            resolved = _as_yaml(key)
            stats = canonical(_stats(key, run, resolved))
            texts = (config, resolved, stats, canonical(provenance))
            for name, text in zip(FILES, texts, strict=True):
                _write_through(folder / name, text)
            _flush_folder(folder)
            folder.chmod(0o755)  # temporary directories are private; results are not
            _put_in_place(folder, self.path(key))
            _flush_folder(self.root)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return run


def _put_in_place(new: Path, place: Path) -> None:
    """Rename a finished directory into its place; what was there before moves away first."""
    for _ in range(10):  # another process may store the same run at the same time
        try:
            new.rename(place)
            return
        except OSError:
            if not place.is_dir():
                raise
        old = Path(tempfile.mkdtemp(prefix="old-", dir=new.parent))
        with suppress(FileNotFoundError):
            place.rename(old / "run")
        shutil.rmtree(old, ignore_errors=True)
    raise OSError(f"{place}: other processes keep replacing this run")


def _write_through(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_yaml(key: RunKey) -> str:
    """The point as an experiment of its own, for people and for `dessim run`."""
    import yaml

    text: str = yaml.safe_dump(json.loads(key.resolved), sort_keys=False, allow_unicode=True)
    return f"# replication {key.replication}, engine {key.engine}\n{text}"


def _stats(key: RunKey, run: RunResult, resolved: str) -> dict[str, Any]:
    data = {
        "key": key.digest,
        "replication": key.replication,
        "engine": key.engine,
        "model_version": model_version(),
        "resolved_sha256": _sha256(resolved),
        "run": asdict(run),
    }
    return {**data, "sha256": _sha256(canonical(data))}


def _checked_run(stats: Any, resolved: str, key: RunKey, folder: Path) -> RunResult:
    if not isinstance(stats, dict) or "sha256" not in stats:
        raise DamagedRunError(f"{folder}: stats.json is no result of a run")
    body = {name: value for name, value in stats.items() if name != "sha256"}
    if _sha256(canonical(body)) != stats["sha256"]:
        raise DamagedRunError(f"{folder}: stats.json does not agree with its checksum")
    if body["key"] != key.digest:
        raise DamagedRunError(f"{folder}: stats.json belongs to another run")
    if body["resolved_sha256"] != _sha256(resolved):
        raise DamagedRunError(f"{folder}: resolved.yaml does not agree with its checksum")
    data = body["run"]
    if set(data) != {field.name for field in fields(RunResult)}:
        raise DamagedRunError(f"{folder}: stats.json has other fields than a run")
    data["latency_counts"] = tuple((bucket, n) for bucket, n in data["latency_counts"])
    for name in ("series_faults", "series_pages"):
        data[name] = tuple(data[name])
    return RunResult(**data)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
