"""The books of a sweep: which runs it is made of, so that others can tell how far it has got.

`sweep.json` in the folder of an experiment names every point and the digests of its runs. It is
written before the first run, and again, with the reasons of failures, after the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.measure.metrics import run_metrics
from dessim.study.aside import workspace, write_through
from dessim.study.plan import label_of
from dessim.study.runner import Job, Tally
from dessim.study.store import DamagedRunError, Store

BOOKS = "sweep.json"
PARTS = {
    **dict.fromkeys(("point", "experiment", "machine", "workload", "scheme"), str),
    **dict.fromkeys(("threads", "fault_around_order", "seed", "process_exit_ps"), int),
    "scheme_options": str,
    "parameters": dict,
    "failures": dict,
}
"""Parts of a point in the books, besides its runs, and their kinds."""


def write_books(jobs: Sequence[Job], folder: Path, tally: Tally | None = None) -> Path:
    """Write down what a sweep is made of.

    Parameters
    ----------
    jobs : sequence of Job
    folder : Path
        Of the experiment's results.
    tally : Tally, optional
        What became of them: failures are noted.

    Raises
    ------
    OSError
        If the disk is full or not writable; the books are then as before.
    """
    points: dict[int, dict[str, Any]] = {}
    failures: dict[int, dict[str, str]] = {}
    for outcome in tally.failed if tally else ():
        reasons = failures.setdefault(outcome.job.point_index, {})
        reasons[str(outcome.job.key.replication)] = outcome.error or ""
    for job in jobs:
        if job.point_index not in points:
            points[job.point_index] = _identity(job)
            points[job.point_index] |= {"runs": [], "failures": failures.get(job.point_index, {})}
        points[job.point_index]["runs"].append([job.key.replication, job.key.digest])
    lines = ",\n".join(json.dumps(point, ensure_ascii=False) for point in points.values())
    text = f'{{"engine":{json.dumps(jobs[0].key.engine if jobs else "")},"points":[\n{lines}\n]}}\n'
    folder.mkdir(parents=True, exist_ok=True)
    with workspace(folder) as aside:
        write_through(aside, {BOOKS: text.encode()})
        return (aside / BOOKS).replace(folder / BOOKS)


def _identity(job: Job) -> dict[str, Any]:
    point = job.point
    options = dict(sorted(point.scheme.options.items()))
    return {
        "point": label_of(point),
        "experiment": point.experiment,
        "machine": point.machine.name,
        "workload": point.workload.name,
        "scheme": point.scheme.name,
        "scheme_options": json.dumps(options) if options else "",
        "threads": point.threads,
        "fault_around_order": point.fault_around_order,
        "parameters": dict(point.parameters),
        "seed": point.seed,
        "process_exit_ps": point.machine.kernel.process_exit_ps,
    }


@dataclass(frozen=True)
class Sweep:
    """A sweep as its books tell it.

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
        inside if inside.is_dir() or not (folder / BOOKS).is_file() else folder.parent / "runs"
    )


def sweeps_of(folder: Path) -> list[Sweep]:
    """Sweeps of a results folder, or of the folder of one experiment, by name.

    Books that cannot be read are left out: the same command writes them again.
    """
    return [found for path in _books_of(folder) if (found := _sweep(path)) is not None]


def unreadable_books(folder: Path) -> list[Path]:
    """Books of a results folder that cannot be read: nobody knows which runs are theirs."""
    return [path for path in _books_of(folder) if _sweep(path) is None]


def _books_of(folder: Path) -> list[Path]:
    own = folder / BOOKS
    return [own] if own.is_file() else sorted(folder.glob(f"*/{BOOKS}"))


def _sweep(path: Path) -> Sweep | None:
    with suppress(ValueError, OSError):
        data = json.loads(path.read_bytes())
        if _are_books(data):
            return Sweep(path.parent, data["points"], data["engine"])
    return None


def _are_books(data: Any) -> bool:
    """Whether a file's content has the form that `write_books` gives it."""
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


def run_rows(sweeps: Sequence[Sweep], store: Store) -> Iterator[dict[str, Any]]:
    """A flat row for each finished run of some sweeps: what it was, its metrics, its counters.

    Runs that are missing, failed or damaged have no row.
    """
    swept = list(dict.fromkeys(key for s in sweeps for p in s.points for key in p["parameters"]))
    for sweep in sweeps:
        for point in sweep.points:
            for replication, digest in point["runs"]:
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
                row |= {"seed": point["seed"], "replication": replication, "engine": sweep.engine}
                row |= run_metrics(run, point["process_exit_ps"]).values
                row |= {f"time_{name}_ps": ps for name, ps in run.time_ps.items()}
                row |= {"events": run.events, "run": digest}
                yield row
