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
MERGED, LOCKLESS, LOCKED = "radix_walk_trylock", "gang_lookup_mapcount", "lock_each_page"
PRECHECK = "gang_lookup_mapcount (precheck=true)"
MISSING = "\N{EN DASH}"


def changes(document: Document, a: str, b: str, metric: str) -> dict[tuple[str, int], str]:
    """Return how much more or less B is than A, by workload and threads."""
    (pair,) = (one for one in document["comparisons"] if (one["a"], one["b"]) == (a, b))
    return {
        (row["workload"], row["threads"]): change(row)
        for row in pair["rows"]
        if row["metric"] == metric
    }


def change(row: Document) -> str:
    """Return a ratio as a percentage with its interval, marked where chance alone may do it."""
    if row["ratio_ci95"] is None:
        return MISSING
    low, high = ((end - 1) * 100 for end in row["ratio_ci95"])
    if not row["significant"]:
        return f"~ [{low:+.1f}, {high:+.1f}]"
    return f"{(row['ratio'] - 1) * 100:+.1f} % [{low:+.1f}, {high:+.1f}]"


def values(document: Document, scheme: str, metric: str) -> dict[tuple[str, int], Document]:
    """Return a metric of a scheme by workload and threads."""
    return {
        (point["workload"], point["threads"]): point["metrics"][metric]
        for point in document["points"]
        if point["scheme"] == scheme and not point["scheme_options"].get("precheck")
    }


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
    """Latencies of faults, us, and faults: the lockless scheme beside what was merged."""
    change_of = changes(document, MERGED, LOCKLESS, "fault_latency_ns_p99")
    rows = []
    for place, told in change_of.items():
        cells = []
        for metric in ("fault_latency_ns_p99", "fault_latency_ns_p999"):
            for scheme in (MERGED, LOCKLESS):
                cells.append(microseconds(values(document, scheme, metric)[place]))
        faults = [
            values(document, one, "minor_faults")[place]["mean"] for one in (MERGED, LOCKLESS)
        ]
        more = f"{(faults[1] / faults[0] - 1) * 100:+.1f} %"
        rows.append([place[0], str(place[1]), *cells[:2], told, *cells[2:], more])
    head = ["latency, us", "threads", "p99 merged", "p99 lockless", "change", "p99.9 merged"]
    return markdown([*head, "p99.9 lockless", "faults, lockless to merged"], rows)


def main(results: Path, page: Path) -> None:
    """Replace the tables of a page."""
    document = json.loads(results.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    for name, table in (("throughput", throughput), ("tails", tails)):
        text = put(text, name, table(document))
    page.write_text(text, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    root = Path(__file__).parents[1]
    defaults = [Path("results/thread-2014/results.json"), root / "docs" / "thread-2014.md"]
    main(*[*given, *defaults[len(given) :]])
