"""The manifest of a sweep: which runs it is made of, so that others see how far it has got.

`sweep.json` in the folder of an experiment names every point and the digests of its runs. It is
written before the first run, and again, with the reasons of failures, after the last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.files.reading import UnreadableError, read_json
from dessim.files.seals import MANIFEST as MANIFEST
from dessim.files.seals import SEALS
from dessim.files.writing import write_all
from dessim.measure.statistics.run_metrics import run_metrics
from dessim.study.store.runs import DamagedRunError, Store

PARTS = {
    **dict.fromkeys(("point", "experiment", "machine", "workload", "scheme"), str),
    **dict.fromkeys(("index", "threads", "fault_around_order", "seed", "process_exit_ps"), int),
    "simulated_bytes": int,
    "final": bool,
    "scheme_options": str,
    "parameters": dict,
    "failures": dict,
}
"""Parts of a point in the manifest, besides its runs, and their kinds. A point of which several
sizes were simulated has an entry for each, of one ``index``; results use the one that is ``final``,
which none is while a larger size may follow."""


def write_manifest(points: Sequence[dict[str, Any]], engine: str, folder: Path) -> Path:
    """Write down what a sweep is made of.

    Parameters
    ----------
    points : sequence of dict
        What `PARTS` names, and `runs`: a list of [replication, digest].
    engine : str
    folder : Path
        Of the experiment's results.

    Raises
    ------
    OSError
        If the disk is full or not writable; the manifest is then as before.
    """
    lines = ",\n".join(json.dumps(point, ensure_ascii=False) for point in points)
    text = f'{{"engine":{json.dumps(engine)},"points":[\n{lines}\n]}}\n'
    return write_all({folder / MANIFEST: text.encode()})[0]


@dataclass(frozen=True)
class Manifest:
    """The points of a sweep and their runs.

    Attributes
    ----------
    folder : Path
    points : list of dict
    engine : str
    """

    folder: Path
    points: list[dict[str, Any]]
    engine: str

    @property
    def digests(self) -> set[str]:
        """Names of all its runs."""
        return {digest for point in self.points for _, digest in point["runs"]}


def store_of(folder: Path) -> Store:
    """The store that belongs to a results folder, or to the folder of one experiment in it."""
    inside = folder / "runs"
    return Store(
        inside if inside.is_dir() or not (folder / MANIFEST).is_file() else folder.parent / "runs"
    )


def is_results(folder: Path) -> bool:
    """Whether a folder is one of results, or of one experiment in it."""
    beside = _manifests_of(folder) or _beside(folder, SEALS)
    return bool(beside) or store_of(folder).root.is_dir()


def manifests_of(folder: Path) -> list[Manifest]:
    """Sweeps of a results folder, or of the folder of one experiment, by name.

    Manifests that cannot be read are left out: the same command writes them again.
    """
    return [found for path in _manifests_of(folder) if (found := _manifest(path)) is not None]


def unreadable_manifests(folder: Path) -> list[Path]:
    """Manifests of a results folder that cannot be read: nobody knows which runs are theirs.

    One that is gone, and whose tables are there, is among them.
    """
    lost = {path.parent / MANIFEST for path in _beside(folder, SEALS)}
    return [path for path in sorted({*_manifests_of(folder), *lost}) if _manifest(path) is None]


def _manifests_of(folder: Path) -> list[Path]:
    return _beside(folder, MANIFEST)


def _beside(folder: Path, name: str) -> list[Path]:
    """Files of a name in the folder of an experiment, or in those of a results folder."""
    own = folder / name
    return [own] if os.path.lexists(own) else sorted(folder.glob(f"*/{name}"))


def _manifest(path: Path) -> Manifest | None:
    with suppress(UnreadableError):
        data = read_json(path)
        if _is_manifest(data):
            return Manifest(path.parent, data["points"], data["engine"])
    return None


def _is_manifest(data: Any) -> bool:
    """Whether a file's content has the form that `write_manifest` gives it."""
    if not (isinstance(data, dict) and isinstance(data.get("engine"), str)):
        return False
    points = data.get("points")
    return isinstance(points, list) and all(map(_is_point, points))


def _is_point(point: Any) -> bool:
    if not isinstance(point, dict):
        return False
    runs = point.get("runs")
    return (
        all(isinstance(point.get(name), kind) for name, kind in PARTS.items())
        and isinstance(runs, list)
        and all(isinstance(run, list) and list(map(type, run)) == [int, str] for run in runs)
    )


def run_rows(
    sweeps: Sequence[Manifest], store: Store, *, all_sizes: bool = False
) -> Iterator[dict[str, Any]]:
    """A flat row for each finished run of some sweeps: what it was, its metrics, its counters.

    Runs that are missing, failed or damaged have no row. Those of sizes that only served to see
    whether a larger one says the same have one if ``all_sizes`` is asked for: an average over two
    sizes is one of nothing.
    """
    swept = list(dict.fromkeys(key for s in sweeps for p in s.points for key in p["parameters"]))
    for sweep in sweeps:
        for point in sweep.points:
            for replication, digest in point["runs"] if all_sizes or point["final"] else ():
                try:
                    run = store.load_digest(digest)
                except DamagedRunError:
                    continue
                if run is None:
                    continue
                row = {
                    name: point[name]
                    for name in ("experiment", "machine", "workload", "scheme", "scheme_options")
                }
                row |= {name: point[name] for name in ("threads", "fault_around_order")}
                row |= {name: point["parameters"].get(name) for name in swept}
                row |= {name: point[name] for name in ("simulated_bytes", "final")}
                row |= {"seed": point["seed"], "replication": replication, "engine": sweep.engine}
                row |= run_metrics(run, point["process_exit_ps"]).values
                row |= {f"time_{name}_ps": ps for name, ps in run.time_ps.items()}
                row |= {"events": run.events, "run": digest}
                yield row
