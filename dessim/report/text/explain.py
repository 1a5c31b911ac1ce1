"""Explanations as a person reads them in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from dessim.report.common.format import UNKNOWN, duration_ns, scheme_of, threads_word
from dessim.report.text.blame import print_blame
from dessim.report.text.comparison import change
from dessim.report.text.console import console_for, say
from dessim.report.text.hanging import hanging
from dessim.report.text.sensitivity import print_sensitivity
from dessim.report.text.table import new_table, print_fitting, title_of

Entry = dict[str, Any]
SIDE_BY_SIDE = 4
"""Points side by side in one table."""
NO_EFFECT = 1e-9


def print_explanation(document: Entry, file: TextIO | None = None) -> None:
    """Print what ``dessim explain --format json`` prints, for people.

    Parameters
    ----------
    document : dict
    file : text stream
        Standard output if left out. No colours unless it is a terminal, or with NO_COLOR.
    """
    console = console_for(file)
    parts: tuple[tuple[str, Callable[[Console, Entry], None]], ...] = (
        ("time", _print_time),
        ("blame", print_blame),
        ("speedups", _print_speedups),
        ("causal", _print_causal),
        ("sensitivity", print_sensitivity),
    )
    for name, show in parts:
        if name in document:
            show(console, document)


# --- where the time goes ------------------------------------------------------------------------


def rounded_percentages(shares: Sequence[float]) -> list[str]:
    """Shares as percentages with one decimal that add up to what their sum rounds to.

    Source
    ------
    Largest remainders (Hamilton's method of apportionment).
    """
    tenths = [share * 1000 for share in shares]
    down = [math.floor(x) for x in tenths]
    left = round(math.fsum(tenths)) - sum(down)
    order = sorted(range(len(shares)), key=lambda i: (down[i] - tenths[i], i))
    for i in order[:left]:
        down[i] += 1
    return [f"{n / 10:.1f}%" for n in down]


def _print_time(console: Console, document: Entry) -> None:
    points = document["time"]
    for place in dict.fromkeys((p["workload"], p["machine"]) for p in points):
        own = [p for p in points if (p["workload"], p["machine"]) == place]
        console.print(f"{place[0]} on {place[1]}", style="bold")
        for i in range(0, len(own), SIDE_BY_SIDE):
            print_fitting(console, _time_table(own[i : i + SIDE_BY_SIDE]))
            console.print()
    console.print(
        "share of all threads' time for the whole file, and time per fault; ± 95 %\n"
        "kernel: all but user"
    )


def _time_table(points: Sequence[Entry]) -> Table:
    heads = [_head(point) for point in points]
    table = new_table("", *heads)
    shares = {
        name: [_category(point, name)["share"]["mean"] for point in points]
        for name in [c["category"] for c in points[0]["categories"]]
    }
    names = sorted((n for n in shares if any(shares[n])), key=lambda n: -sum(shares[n]))
    texts = [rounded_percentages([shares[name][i] for name in names]) for i in range(len(points))]
    for row, name in enumerate(names):
        cells = [_time_cell(p, name, texts[i][row]) for i, p in enumerate(points)]
        table.add_row(name, *cells)
    if "user" in names:
        user = [texts[i][names.index("user")] for i in range(len(points))]
        cells = [_kernel_cell(point, text) for point, text in zip(points, user, strict=True)]
        table.add_row("kernel", *cells)
    totals = [_per_fault(point["total_ns_per_fault"]) for point in points]
    table.add_row("total", *(f"100.0% {'':<5} {total}" for total in totals))
    return table


def _head(point: Entry) -> str:
    swept = "".join(f"\n{key} {value}" for key, value in point["parameters"].items())
    counts = f"{threads_word(point['threads'])}, order {point['fault_around_order']}"
    return f"{scheme_of(point)}\n{counts}{swept}"


def _category(point: Entry, name: str) -> Entry:
    found: Entry = next(c for c in point["categories"] if c["category"] == name)
    return found


def _time_cell(point: Entry, name: str, text: str) -> str:
    found = _category(point, name)
    ci95 = found["share"]["ci95"]
    spread = "" if ci95 is None else f"±{(ci95[1] - ci95[0]) * 50:.1f}"
    return f"{text} {spread:<5} {_per_fault(found['ns_per_fault'])}"


def _kernel_cell(point: Entry, user: str) -> str:
    """All but `user`, which can be most of the time and then hides the rest.

    Its percentage is what that of `user` leaves of 100.0, as the rounded rows above add up.
    """
    own = [found for found in point["categories"] if found["category"] != "user"]
    share = 100 - float(user.removesuffix("%"))
    per_fault = [found["ns_per_fault"]["mean"] for found in own]
    known = [x for x in per_fault if x is not None]
    mean = math.fsum(known) if known else None
    return f"{share:.1f}% {'':<5} {_per_fault({'mean': mean})}"


def _per_fault(estimate: Entry) -> str:
    mean = estimate["mean"]
    return f"{UNKNOWN if mean is None else duration_ns(mean):>7}"


# --- what if ------------------------------------------------------------------------------------


def _print_speedups(console: Console, document: Entry) -> None:
    for point in document["speedups"]:
        console.print(title_of(point), style="bold")
        table = new_table("what if", *document["metrics"])
        for row in point["effects"]:
            cells = [_effect(row, name) for name in document["metrics"]]
            table.add_row(row["name"], *cells)
        print_fitting(console, table)
        console.print()
    for line in _what_if_remarks(document["speedups"]):
        say(console, line)


def _effect(row: Entry, metric: str) -> str:
    found = row["metrics"][metric]
    if row["identical"]:
        return "no change"
    if found["ratio"] is None:
        return UNKNOWN
    return change(found)


def _print_causal(console: Console, document: Entry) -> None:
    names = document["metrics"]
    for point in document["causal"]:
        share = f"{document['cut'] * 100:g}"
        console.print(f"{title_of(point)}: each cost {share} % less", style="bold")
        places = {name: places_of(point["effects"], name) for name in names}
        order = places[names[0]]
        rows = sorted(point["effects"], key=lambda row: order.get(row["name"], len(order) + 1))
        shown = [row for row in rows if any(row["name"] in of for of in places.values())]
        table = new_table("cost", *(x for name in names for x in ("rank", name)), "from", "to")
        for row in shown:
            cells = [c for n in names for c in (_rank(places[n], row), _effect(row, n))]
            values = next(iter(row["costs"].values()))
            table.add_row(row["name"], *cells, *(values if len(row["costs"]) == 1 else ("", "")))
        print_fitting(console, table)
        silent = len(rows) - len(shown)
        if silent:
            console.print(f"{silent} others have no effect here (--format json names them)")
        console.print()
    for line in _what_if_remarks(document["causal"]):
        say(console, line)


def places_of(rows: Sequence[Entry], metric: str) -> dict[str, int]:
    """Rank of each cost by the size of its effect on a metric, from 1.

    Costs whose cut changes nothing in any replication have no rank.
    """
    size = {}
    for row in rows:
        ratio = row["metrics"][metric]["ratio"]
        if ratio is not None and abs(math.log(ratio)) > NO_EFFECT:
            size[row["name"]] = abs(math.log(ratio))
    return {name: i for i, name in enumerate(sorted(size, key=lambda n: -size[n]), start=1)}


def _rank(places: dict[str, int], row: Entry) -> str:
    place = places.get(row["name"])
    return UNKNOWN if place is None else str(place)


def _what_if_remarks(points: Sequence[Entry]) -> Iterator[str]:
    n = min((point["replications"] for point in points), default=0)
    yield (
        f"change: median ratio of {n} pairs of replications with common random numbers; 95 %"
        " intervals that hold for all changes of a point and metric together (Bonferroni); ~ not"
        " significant: 1 is inside"
    )
    if n < 2:
        yield "one replication gives no interval: use more --replications"


def catalogue_lines(entries: Sequence[Entry]) -> Iterator[str]:
    """Lines of a list of costs, groups first."""
    width = max(len(entry["name"]) for entry in entries)
    yield "groups:"
    for entry in entries:
        if entry["group"]:
            yield hanging(f"  {entry['name']:<{width}}  ", entry["text"])
            if entry["paths"]:
                ends = [path.partition(".")[2] for path in entry["paths"]]
                yield hanging(" " * (width + 6), _short_list(ends))
    yield "costs:"
    for entry in entries:
        if not entry["group"]:
            value = f"{entry['value']:>10}  " if "value" in entry else ""
            yield f"  {entry['name']:<{width}}  {value}{entry['paths'][0]}"


def _short_list(words: Sequence[str]) -> str:
    return (
        ", ".join(words) if len(words) <= 6 else f"{', '.join(words[:5])} and {len(words) - 5} more"
    )
