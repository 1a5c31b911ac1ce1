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
REASONS = {"not stationary": "length", "too short a part": "overlap", "lie beyond": "few"}


def places(entries: list[Document]) -> list[Place]:
    """Workload and threads of points or rows."""
    return [(one["workload"], one["threads"]) for one in entries]


def changes(document: Document, a: str, b: str, metric: str) -> dict[Place, str]:
    """Return how much more or less B is than A, by place."""
    (pair,) = (one for one in document["comparisons"] if (one["a"], one["b"]) == (a, b))
    rows = [row for row in pair["rows"] if row["metric"] == metric]
    return dict(zip(places(rows), map(change, rows), strict=True))


def change(row: Document) -> str:
    """Return a ratio as a percentage with the interval that holds for all comparisons together."""
    if row["ratio_ci95_simultaneous"] is None:
        return refused(row["a"], row["b"])
    low, high = ((end - 1) * 100 for end in row["ratio_ci95_simultaneous"])
    if not row["resolved"]:
        return f"{MISSING} wide"
    if not row["significant"]:
        return f"~ [{low:+.1f}, {high:+.1f}]"
    return f"{(row['ratio'] - 1) * 100:+.1f} % [{low:+.1f}, {high:+.1f}]"


def refused(*metrics: Document) -> str:
    """Return a dash and a word for the first reason why a number is not reported."""
    for metric in metrics:
        for start, word in REASONS.items():
            if start in metric.get("reason", ""):
                return f"{MISSING} {word}"
    return MISSING


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
    """Return a latency in microseconds with its interval; a dash and why if it has none."""
    if metric["mean"] is None or metric["ci95"] is None:
        return refused(metric)
    value, low, high = (each / 1e3 for each in (metric["mean"], *metric["ci95"]))
    digits = 4 if value >= 1e3 else 3
    return f"{value:.{digits}g} [{low:.{digits}g}, {high:.{digits}g}]"


def throughput(document: Document) -> str:
    """Pages mapped per second: the lockless scheme, the others, and what its repair costs."""
    pairs = ((MERGED, LOCKLESS), (LOCKED, LOCKLESS), (LOCKED, MERGED), (LOCKLESS, PRECHECK))
    columns = [changes(document, *pair, "pages_mapped_per_s") for pair in pairs]
    rows = [[w, str(n), *(one[w, n] for one in columns)] for w, n in columns[0]]
    head = ["pages/s", "threads", "lockless to merged", "lockless to locking each"]
    return markdown([*head, "merged to locking each", "pre-check to without"], rows)


def tails(document: Document) -> str:
    """Latencies of faults, us: the lockless scheme and what was merged."""
    change_of = changes(document, MERGED, LOCKLESS, "fault_latency_ns_p99")
    safe = changes(document, MERGED, PRECHECK, "fault_latency_ns_p99")
    rows = []
    for place, said in change_of.items():
        cells = [
            microseconds(values(document, scheme, metric)[place])
            for metric in ("fault_latency_ns_p50", "fault_latency_ns_p99", "fault_latency_ns_p999")
            for scheme in (MERGED, LOCKLESS)
        ]
        rows.append([place[0], str(place[1]), *cells[:4], said, safe[place], *cells[4:]])
    head = ["latency, us", "threads", "p50 merged", "p50 lockless", "p99 merged", "p99 lockless"]
    return markdown([*head, "change", "with pre-check", "p99.9 merged", "p99.9 lockless"], rows)


def faults(document: Document) -> str:
    """Faults, how many of them sleep on a page lock, and BUG_ONs of the lockless scheme."""
    metrics = ("minor_faults", "page_lock_waits", "bug1", "bug2")
    known = {
        (scheme, metric): values(document, scheme, metric)
        for scheme in (MERGED, LOCKLESS)
        for metric in metrics
    }
    rows = []
    for place in known[MERGED, "minor_faults"]:
        merged, lockless = ([known[s, m][place] for m in metrics] for s in (MERGED, LOCKLESS))
        more = share(lockless[0], merged[0], "{:+.1f} %", less=1)
        asleep = [share(one[1], one[0], "{:.2g} %") for one in (merged, lockless)]
        bugs = [count(one) for one in lockless[2:]]
        rows.append([place[0], str(place[1]), more, *asleep, *bugs])
    head = ["typical runs", "threads", "faults, lockless to merged"]
    head += ["page-lock waits a fault, merged", "lockless", "bug1 a run", "bug2 a run"]
    return markdown(head, rows)


def share(part: Document, whole: Document, form: str, less: float = 0) -> str:
    """Return one metric over another as a percentage; a dash and why if either is refused."""
    if part["mean"] is None or whole["mean"] is None:
        return refused(part, whole)
    percent = (part["mean"] / whole["mean"] - less) * 100
    return f"{percent:.0f} %" if not less and percent >= 10 else form.format(percent)


def count(metric: Document) -> str:
    """Return a count; a dash and why if it is refused."""
    return refused(metric) if metric["mean"] is None else f"{metric['mean']:.3g}"


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
