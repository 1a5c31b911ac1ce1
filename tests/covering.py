"""How often nominal 95 % intervals cover: the tables in docs/statistics.md, made and judged.

`python tests/covering.py --write` makes them anew: points of the shipped experiments with their
own settings, crossovers, and models with exact answers. Runs are kept in a store; a second call
needs those only whose sources or settings have changed. Exit status 1: a row fails.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import covering_crossovers
import covering_models
import covering_rows
import covering_shipped

DOCS = Path(__file__).parents[1] / "docs" / "statistics.md"
EXPERIMENTS = 1_000
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
HEADS = {
    "shipped": covering_rows.HEAD,
    "crossovers": covering_crossovers.HEAD,
    "models": covering_models.HEAD,
}


@dataclass(frozen=True)
class Task:
    """Rows that one process makes.

    Attributes
    ----------
    table : str
        Of ``HEADS``.
    number : int
        Which of its parts.
    experiments : int or None
        None: as many as the table has by itself.
    store : Path
    seed : int
        Of the draws from the populations.
    """

    table: str
    number: int
    experiments: int | None
    store: Path
    seed: int


def tasks(experiments: int | None, store: Path, seed: int) -> list[Task]:
    """Return all tasks, in the order of the tables."""
    parts = {
        "shipped": len(covering_shipped.CASES),
        "crossovers": 2,
        "models": len(covering_models.models()),
    }
    return [
        Task(table, number, experiments, store, seed)
        for table, count in parts.items()
        for number in range(count)
    ]


@dataclass(frozen=True)
class Rows:
    """What has become of a task.

    Attributes
    ----------
    task : Task
    lines : list of str
        Of the table.
    failures : list of str
        What is neither covered nor flagged, or why there are no rows.
    seconds : float
    """

    task: Task
    lines: list[str]
    failures: list[str]
    seconds: float


def done(task: Task) -> Rows:
    """Do a task. One that cannot be done is a failure; the others go on."""
    begin = time.perf_counter()
    try:
        rows = _rows(task)
    except Exception as error:  # whatever it is: hours of others must not be lost
        text = f"{task.table} {task.number}: {type(error).__name__}: {error}"
        return Rows(task, [], [text], time.perf_counter() - begin)
    lines = [row.text() for row in rows]
    failures = [f"{row.label}: {', '.join(row.failed)}" for row in rows if row.failed]
    return Rows(task, lines, failures, time.perf_counter() - begin)


def _rows(task: Task) -> Sequence[Any]:
    many = task.experiments or EXPERIMENTS
    if task.table == "shipped":
        case = covering_shipped.CASES[task.number]
        return covering_shipped.rows_of(case, many, task.store, task.seed)
    if task.table == "crossovers":
        make = (covering_crossovers.rows_of_curves, covering_crossovers.rows_measured)[task.number]
        return make(many, task.store, task.seed)
    from dessim.engines import run_setup

    model = covering_models.models()[task.number]
    many = task.experiments or covering_models.FULL
    return covering_models.covered(model, many, lambda setup: run_setup(setup, "compiled"))


def written(text: str, tables: dict[str, Sequence[str]]) -> str:
    """Return the page with its tables replaced."""
    for name, rows in tables.items():
        if not rows:
            continue
        before, rest = text.split(HEADS[name])
        text = before + "\n".join([HEADS[name], *rows]) + rest[rest.index("\n\n") :]
    return text


def main() -> int:
    """Print the tables and the verdict, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-j", "--jobs", type=int, default=2, help="processes")
    parser.add_argument("--experiments", type=int, help="of each point; fewer are a try")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--store", type=Path, default=CACHE / "dessim" / "covering")
    parser.add_argument("--only", choices=HEADS, action="append", help="these tables")
    parser.add_argument("--write", action="store_true", help=f"into docs/{DOCS.name}")
    options = parser.parse_args()
    wanted = options.only or list(HEADS)
    tables: dict[str, list[str]] = {name: [] for name in HEADS if name in wanted}
    todo = [t for t in tasks(options.experiments, options.store, options.seed) if t.table in wanted]
    failures: list[str] = []
    begin = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for one in pool.imap(done, todo, chunksize=1):
            table = one.task.table
            if not tables[table]:
                print(f"\n{HEADS[table]}")
            tables[table] += one.lines
            failures += one.failures
            print("\n".join(one.lines), flush=True)
            print(f"{table} {one.task.number}: {one.seconds:.0f} s", file=sys.stderr, flush=True)
            if options.write:  # at once: who stops it keeps what there is
                DOCS.write_text(written(DOCS.read_text(), {table: tables[table]}))
    print(f"\n{sum(map(len, tables.values()))} rows in {time.perf_counter() - begin:.0f} s")
    print("\n".join(["FAILED:", *failures]) if failures else "all cover, or are flagged or refused")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
