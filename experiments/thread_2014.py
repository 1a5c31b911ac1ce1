"""Put the tables of "What would have been gained" in docs/thread-2014.md, from stored results.

    dessim run thread-2014
    python experiments/thread_2014.py [RESULTS [PAGE]]

RESULTS is `results/thread-2014/results.json` unless given.
"""

import json
import sys
from pathlib import Path
from typing import Any

from fidelity import markdown, put

Document = dict[str, Any]
Place = tuple[str, int]
MERGED, LOCKLESS, LOCKED = "radix_walk_trylock", "gang_lookup_mapcount", "lock_each_page"
PRECHECK = "gang_lookup_mapcount (precheck=true)"
MISSING = "\N{EN DASH}"


def places(entries: list[Document]) -> list[Place]:
    """Workload and threads of points or rows; with the size where one workload has several."""
    sizes: dict[str, set[str]] = {}
    for one in entries:
        sizes.setdefault(one["workload"], set()).add(size_of(one))
    several = {workload for workload, found in sizes.items() if len(found) > 1}
    return [
        (
            f"{one['workload']}, {size_of(one)}" if one["workload"] in several else one["workload"],
            one["threads"],
        )
        for one in entries
    ]


def size_of(entry: Document) -> str:
    """How much of the file was simulated."""
    return str(entry["parameters"].get("simulate", "all"))


def changes(document: Document, a: str, b: str, metric: str) -> dict[Place, str]:
    """Return how much more or less B is than A, by place."""
    (pair,) = (one for one in document["comparisons"] if (one["a"], one["b"]) == (a, b))
    rows = [row for row in pair["rows"] if row["metric"] == metric]
    return dict(zip(places(rows), map(change, rows), strict=True))


def change(row: Document) -> str:
    """Return a ratio as a percentage with its interval, marked where chance alone may do it."""
    if row["ratio_ci95"] is None:
        return MISSING
    low, high = ((end - 1) * 100 for end in row["ratio_ci95"])
    if not row["significant"]:
        return f"~ [{low:+.1f}, {high:+.1f}]"
    return f"{(row['ratio'] - 1) * 100:+.1f} % [{low:+.1f}, {high:+.1f}]"


def values(document: Document, scheme: str, metric: str) -> dict[Place, Document]:
    """Return a metric of a scheme by place."""
    points = [
        point
        for point in document["points"]
        if point["scheme"] == scheme and not point["scheme_options"].get("precheck")
    ]
    metrics = [point["metrics"][metric] for point in points]
    return dict(zip(places(points), metrics, strict=True))


def microseconds(metric: Document) -> str:
    """Return a latency in microseconds with its interval; a dash if the sample has none."""
    value = metric.get("mean")
    if value is None:
        return MISSING
    if metric.get("ci95") is None:
        return f"{value / 1e3:.3g}"
    return f"{value / 1e3:.3g} [{metric['ci95'][0] / 1e3:.3g}, {metric['ci95'][1] / 1e3:.3g}]"


def throughput(document: Document) -> str:
    """Pages mapped per second: the lockless scheme beside the others, and what its repair costs."""
    pairs = ((MERGED, LOCKLESS), (LOCKED, LOCKLESS), (LOCKED, MERGED), (LOCKLESS, PRECHECK))
    columns = [changes(document, *pair, "pages_mapped_per_s") for pair in pairs]
    rows = [[w, str(n), *(one[w, n] for one in columns)] for w, n in columns[0]]
    head = ["pages/s", "threads", "lockless to merged", "lockless to locking each"]
    return markdown([*head, "merged to locking each", "pre-check to without"], rows)


def tails(document: Document) -> str:
    """Latencies of faults, us: the lockless scheme beside what was merged."""
    change_of = changes(document, MERGED, LOCKLESS, "fault_latency_ns_p99")
    safe = changes(document, MERGED, PRECHECK, "fault_latency_ns_p99")
    rows = []
    for place, told in change_of.items():
        cells = [
            microseconds(values(document, scheme, metric)[place])
            for metric in ("fault_latency_ns_p50", "fault_latency_ns_p99", "fault_latency_ns_p999")
            for scheme in (MERGED, LOCKLESS)
        ]
        rows.append([place[0], str(place[1]), *cells[:4], told, safe[place], *cells[4:]])
    head = ["latency, us", "threads", "p50 merged", "p50 lockless", "p99 merged", "p99 lockless"]
    return markdown([*head, "change", "with pre-check", "p99.9 merged", "p99.9 lockless"], rows)


def faults(document: Document) -> str:
    """Faults, how many of them sleep on a page lock, and BUG_ONs of the lockless scheme."""
    known = {
        (scheme, metric): values(document, scheme, metric)
        for scheme in (MERGED, LOCKLESS)
        for metric in ("minor_faults", "page_lock_waits", "bug1", "bug2")
    }
    rows = []
    for place in known[MERGED, "minor_faults"]:
        number = {key: each[place]["mean"] for key, each in known.items()}
        more = number[LOCKLESS, "minor_faults"] / number[MERGED, "minor_faults"] - 1
        asleep = [
            f"{number[one, 'page_lock_waits'] / number[one, 'minor_faults'] * 100:.2g} %"
            for one in (MERGED, LOCKLESS)
        ]
        bugs = [f"{number[LOCKLESS, bug]:.3g}" for bug in ("bug1", "bug2")]
        rows.append([place[0], str(place[1]), f"{more * 100:+.1f} %", *asleep, *bugs])
    head = ["means over replications", "threads", "faults, lockless to merged"]
    head += ["page-lock waits a fault, merged", "lockless", "bug1 a run", "bug2 a run"]
    return markdown(head, rows)


def main(results: Path, page: Path) -> None:
    """Replace the tables of a page."""
    document = json.loads(results.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    for name, table in (("throughput", throughput), ("tails", tails), ("faults", faults)):
        text = put(text, name, table(document))
    page.write_text(text, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    root = Path(__file__).parents[1]
    defaults = [Path("results/thread-2014/results.json"), root / "docs" / "thread-2014.md"]
    main(*[*given, *defaults[len(given) :]])
