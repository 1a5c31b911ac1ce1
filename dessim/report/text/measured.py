"""Measured against simulated, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from dessim.measure.observed import beside
from dessim.measure.observed.blame import Blame
from dessim.measure.observed.reading import FORMATS
from dessim.measure.observed.values import Histogram, MeasuredError, MeasuredNumber, Measurements
from dessim.report.common.format import UNKNOWN, three_digits
from dessim.report.text.console import say
from dessim.report.text.table import new_table, print_fitting

Row = Mapping[str, Any]
LOCK_NOTE = (
    "shares of all waits for these locks; simulated ones hold uncontended uses as well"
    " (--blame compares waits alone)"
)
BLAME_NOTE = "shares of all waits for these locks, measured and simulated"
SCALES = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def time_text(ns: float | None) -> str:
    """Return a time with three digits and its unit."""
    if ns is None:
        return UNKNOWN
    factor, unit = next(((f, u) for f, u in SCALES if ns >= f), SCALES[-1])
    return f"{three_digits(ns / factor)} {unit}"


def value_text(quantity: str, value: float | None) -> str:
    """Return a number as its quantity is written."""
    if value is None:
        return UNKNOWN
    if quantity.startswith("latency_ns"):
        return time_text(value)
    if quantity == "completion_s":
        return time_text(value * 1e9)
    if quantity.endswith("_per_s"):
        return f"{three_digits(value)}/s"
    return f"{value * 100:.1f} %"


def error_text(row: Row) -> str:
    """Return the error as a logarithm and as a factor."""
    error = row["ln_ratio"]
    return UNKNOWN if error is None else f"{error:+.2f}"


def compared(
    points: Sequence[Row],
    latencies: Mapping[int, Any],
    measured: Measurements,
    *,
    scheme: str | None = None,
    threads: int | None = None,
    column: str | None = None,
    key: str | None = None,
    blame: Blame | None = None,
) -> dict[str, Any]:
    """Return measured numbers next to those of the points of a result.

    Parameters
    ----------
    points : sequence of dict
    latencies : dict
        Of each point's index, as results hold them.
    measured : Measurements
    scheme, threads : optional
        Only such points.
    column : str, optional
        Only this series of the measured numbers.
    key : str, optional
        Only histograms with this in their name.
    blame : list of dict, optional
        Simulated waits (``read_blame``), to compare locks with.

    Returns
    -------
    dict
        ``form``, ``rows``, ``mean_abs_ln_error``, ``notes``; of a histogram and one point ``bins``
        and ``distance``.

    Raises
    ------
    MeasuredError
        If nothing belongs together.
    """
    chosen = {
        i: point
        for i, point in enumerate(points)
        if scheme in (None, point["scheme"]) and threads in (None, point["threads"])
    }
    if not chosen:
        raise MeasuredError("no such point in the result: see --scheme and --threads")
    _check_options(measured, column, key, blame)
    found: dict[str, Any] = {"form": measured.form, "rows": [], "notes": list(measured.notes)}
    if measured.histograms:
        _histograms(found, chosen, latencies, beside.histogram_of(measured, key or ""))
    elif measured.locks:
        _locks(found, chosen, measured, blame)
    else:
        numbers = _of_column(measured, column)
        found["rows"] = beside.numbers_beside(list(chosen.values()), numbers)
        if any(one.quantity == "operations_per_s" for one in numbers):
            found["notes"].append("one operation counts as one page fault")
    found["mean_abs_ln_error"] = beside.mean_abs(found["rows"])
    return found


def _check_options(
    measured: Measurements, column: str | None, key: str | None, blame: Blame | None
) -> None:
    """Refuse what chooses from something else than was measured."""
    for option, value, what, fits in (
        ("--blame", blame, "a table of perf lock", measured.locks),
        ("--key", key, "histograms", measured.histograms),
        ("--column", column, "rates and times", measured.numbers),
    ):
        if value is not None and not fits:
            raise MeasuredError(f"{option} is for {what}, not for {FORMATS[measured.form]}")


def _histograms(
    found: dict[str, Any], chosen: Mapping[int, Row], latencies: Mapping[int, Any], one: Histogram
) -> None:
    for i, point in chosen.items():
        longer = latencies.get(i, ())
        if longer:
            found["rows"] += beside.histogram_beside(point, longer, one)
    if not found["rows"]:
        raise MeasuredError("the result has no latencies to compare")
    if len(chosen) == 1:
        [i] = chosen
        found["bins"] = beside.bins_beside(latencies[i], one)
        found["distance"] = beside.distance(found["bins"])
    else:
        found["notes"].append("--scheme and --threads choose one point: then bins are shown")
    found["notes"].append("in bin: both lie in one bin of the histogram")


def _locks(
    found: dict[str, Any], chosen: Mapping[int, Row], measured: Measurements, blame: Blame | None
) -> None:
    for point in chosen.values():
        found["rows"] += beside.locks_beside(point, measured.locks, blame)
    found["notes"].append(LOCK_NOTE if blame is None else BLAME_NOTE)
    if blame is not None and not any(row["simulated"] for row in found["rows"]):
        found["notes"].append("no simulated thread waited for one of these locks")


def _of_column(measured: Measurements, column: str | None) -> Sequence[MeasuredNumber]:
    known = list(dict.fromkeys(one.series for one in measured.numbers))
    usual = "processes" if measured.form == "will-it-scale" and "processes" in known else None
    wanted = usual if column is None else column
    if wanted is None:
        return measured.numbers
    if wanted not in known:
        raise MeasuredError(f"no column {wanted!r}; there are {', '.join(known[:8])}")
    return [one for one in measured.numbers if one.series == wanted]


def print_comparison(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `dessim compare` found of a result and a file of measurements."""
    rows = found["rows"]
    say(console, f"{found['a']} against {found['b']} ({found['form']})")
    print_beside(console, rows, several=len({row["scheme"] for row in rows}) > 1)
    if "bins" in found:
        print_bins(console, found["bins"])
        say(console, f"largest difference of the two distributions: {found['distance']:.2f}")
    print_notes(console, found["mean_abs_ln_error"], found["notes"])


def print_beside(console: Console, rows: Sequence[Row], *, several: bool) -> None:
    """Print measured and simulated numbers with their errors, a row each.

    Parameters
    ----------
    console : Console
    rows : sequence of dict
        As of `dessim compare`.
    several : bool
        Whether rows are of several schemes, which are then named.
    """
    series = sorted({str(row["series"]) for row in rows})
    keys = ["quantity", "threads", *(["scheme"] if several else [])]
    more = ["series"] if len(series) > 1 else []
    table = new_table(*keys, *more, "measured", "simulated", "ln(s/m)", left=(0, 2, 3))
    for row in rows:
        quantity = str(row["quantity"])
        cells = [quantity, str(row["threads"]), *([str(row["scheme"])] if several else [])]
        cells += [_short(str(row["series"]))] if more else []
        cells += [value_text(quantity, row["measured"]), value_text(quantity, row["simulated"])]
        table.add_row(*cells, error_text(row) + (" in bin" if row.get("in_bin") else ""))
    print_fitting(console, table, len(keys))


def print_bins(console: Console, bins: Sequence[Row]) -> None:
    """Print the share of faults in each bin of a histogram."""
    table = new_table("from", "to", "measured", "simulated", left=())
    for row in bins:
        shares = (f"{row[key] * 100:.1f} %" for key in ("measured", "simulated"))
        table.add_row(time_text(row["from_ns"]), time_text(row["to_ns"]), *shares)
    print_fitting(console, table, 2)


def print_notes(console: Console, mean: float | None, notes: Sequence[str]) -> None:
    """Print the mean error, and what there is to know of the numbers."""
    if mean is not None:
        say(console, f"mean |ln(simulated/measured)|: {mean:.2f}")
    for note in notes:
        say(console, note)


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"
