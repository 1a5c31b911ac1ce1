"""Rates and times in tables: will-it-scale's CSV, hyperfine's JSON and CSV, and plain CSV.

Source
------
will-it-scale ``runtest.py``: the header ``tasks,processes,processes_idle,threads,threads_idle,
linear``, operations per second of all tasks. hyperfine 1.18 ``src/export/json.rs``, ``csv.rs``:
seconds.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from dessim.errors import counted
from dessim.files.tables import unreadable
from dessim.measure.observed.values import (
    MAX_ROWS,
    NS_OF,
    PREFIX,
    BadRowError,
    MeasuredNumber,
    Measurements,
    number,
    whole,
)

WILL_IT_SCALE = ("tasks", "processes", "threads")
THREADS = ("threads", "tasks", "nr_tasks", "cpus", "cores", "nr_threads", "processes", "nproc")
LABELS = {
    "scheme": ("scheme", "kernel", "version"),
    "workload": ("workload", "benchmark", "test", "testcase", "case"),
}
IGNORED = ("run", "replication", "rep", "iteration", "date", "host", "machine", "comment", "order")
UNIT = re.compile(r"^(.*?)\s*(?:\(([^()]{1,30})\)|\[([^\[\]]{1,30})\])$")
COUNTED = {
    **dict.fromkeys(
        ("fault", "faults", "minor_faults", "pagefaults", "page_faults"), "faults_per_s"
    ),
    **dict.fromkeys(("page", "pages"), "pages_per_s"),
    **dict.fromkeys(
        ("op", "ops", "operations", "iterations", "it", "calls", "1"), "operations_per_s"
    ),
}
QUANTILE = re.compile(r"^p(50|90|99|999|99[._]9|9999|99[._]99)$")
TIMES = ("completion", "elapsed", "time", "wall", "real", "runtime", "duration", "seconds", "total")


def is_will_it_scale(header: Sequence[str]) -> bool:
    """Return whether a header is that of will-it-scale."""
    return tuple(header[:1]) == ("tasks",) and all(name in header for name in WILL_IT_SCALE)


def quantity_of(heading: str) -> tuple[str, float] | None:
    """Return what a heading of plain CSV names, and what its numbers are multiplied by.

    The unit stands behind the name, in brackets or after an underscore: ``throughput (faults/s)``,
    ``p99 [us]``, ``completion_s``, ``fault_latency_ns_p99``, ``Mpages/s``, ``faults_per_s``.
    """
    text = heading.strip()
    found = UNIT.match(text)
    name, unit = (found[1], found[2] or found[3]) if found else (text, "")
    rate = _rate(unit or name)
    if rate is not None:
        return rate
    words = [word for word in re.split(r"[_\s.]+", name.lower()) if word]
    words = _joined(words)
    if not unit:
        units = [word for word in words if word in NS_OF and len(words) > 1]
        if len(units) != 1:
            return None
        unit = units[0]
        words.remove(unit)
    ns = NS_OF.get(unit.strip())
    if ns is None:
        return None
    for word in words:
        if QUANTILE.match(word):
            return f"latency_ns_p{word[1:].replace('.', '').replace('_', '')}", ns
    if "latency" in words or "mean" in words or "avg" in words:
        return "latency_ns_mean", ns
    return ("completion_s", ns / 1e9) if set(words) & set(TIMES) else None


def _joined(words: list[str]) -> list[str]:
    """Return words in which `p99`, `9` is one again."""
    found: list[str] = []
    for word in words:
        if found and re.fullmatch(r"p99", found[-1]) and re.fullmatch(r"9{1,2}", word):
            found[-1] += word
        else:
            found.append(word)
    return found


def _rate(text: str) -> tuple[str, float] | None:
    found = re.search(
        r"([A-Za-z0-9_ ]{1,30}?)\s?(?:/|_per_| per )(s|sec|second|ms|us|µs|min)$", text
    )
    if found is None:
        return None
    word = re.split(r"\s", found[1].strip())[-1]
    per = 1e9 / NS_OF.get(found[2], 1e9)
    for prefix, factor in sorted(PREFIX.items(), key=lambda item: -len(item[0])):
        rest = word.removeprefix(prefix)
        if word.startswith(prefix) and rest.lower() in COUNTED:
            return COUNTED[rest.lower()], factor * per
    last = word.lower().rpartition("_")[2]
    return (COUNTED[last], per) if last in COUNTED else None


def read_csv(measured: Measurements, text: str, name: str) -> None:
    """Read will-it-scale's, hyperfine's or plain CSV.

    Raises
    ------
    BadRowError
        With the line, from 1, as its second argument.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    header: list[str] = []
    try:
        for cells in _records(rows):
            if not cells or not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                row_of = _row_reader(measured, header)
                continue
            if len(cells) != len(header):
                raise BadRowError(f"{counted(len(cells), 'cell')}, not {len(header)}")
            row_of(dict(zip(header, (cell.strip() for cell in cells), strict=True)))
            if len(measured.numbers) > MAX_ROWS:
                raise BadRowError("more than 100,000 numbers")
    except BadRowError as error:
        raise BadRowError(error.args[0], *error.args[1:] or [max(rows.line_num, 1)]) from None


def _records(rows: Any) -> Iterator[list[str]]:
    """Yield rows of a CSV reader.

    Raises
    ------
    BadRowError
        With the line where a row begins that is none, as its second argument.
    """
    while True:
        begins = rows.line_num + 1
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadRowError(unreadable(error), begins) from None


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip() and line[0] != "#"), "")
    return max(",;\t", key=first.count)


def _row_reader(measured: Measurements, header: list[str]) -> Any:
    """Return what reads the rows below a header."""
    if len(set(header)) < len(header):
        raise BadRowError("two columns have one name")
    if is_will_it_scale(header):
        measured.form = "will-it-scale"
        return lambda row: _will_it_scale(measured, row)
    if header[:2] == ["command", "mean"]:
        measured.form = "hyperfine"
        return lambda row: _hyperfine(measured, row["command"], row["mean"], _parameters(row))
    measured.form = "csv"
    found = {heading: quantity_of(heading) for heading in header}
    if not any(found.values()):
        raise BadRowError(
            "no column is a rate or a time with its unit, as in faults/s, p99 [us] or completion_s"
        )
    known = (*THREADS, *(name for names in LABELS.values() for name in names), *IGNORED)
    left = [h for h, quantity in found.items() if quantity is None and h.lower() not in known]
    if left:
        measured.notes.append(f"columns without a unit are left out: {', '.join(left)[:200]}")
    return lambda row: _plain_row(measured, row, found)


def _will_it_scale(measured: Measurements, row: dict[str, str]) -> None:
    tasks = whole(row["tasks"])
    for series in ("processes", "threads"):
        value = number(row[series]) if row[series] else 0.0
        if tasks and value > 0:  # row 0 has nothing; a mode that was left out has 0
            measured.numbers.append(MeasuredNumber("operations_per_s", value, tasks, series=series))


def _parameters(row: dict[str, str]) -> dict[str, Any]:
    return {k.removeprefix("parameter_"): v for k, v in row.items() if k.startswith("parameter_")}


def _hyperfine(measured: Measurements, command: str, mean: Any, parameters: dict[str, Any]) -> None:
    threads = next((str(parameters[key]) for key in THREADS if parameters.get(key)), None)
    labels = {
        label: next((str(parameters[key]) for key in keys if parameters.get(key)), "")
        for label, keys in LABELS.items()
    }
    value = number(str(mean))
    if value <= 0:
        raise BadRowError("a mean time that is not positive")
    series = "".join(c if c.isprintable() else "?" for c in command)[:60]
    count = whole(threads) if threads else None
    measured.numbers.append(MeasuredNumber("completion_s", value, count, series=series, **labels))


def _plain_row(
    measured: Measurements, row: dict[str, str], found: dict[str, tuple[str, float] | None]
) -> None:
    lower = {heading.lower(): cell for heading, cell in row.items()}
    count = next((lower[key] for key in THREADS if lower.get(key)), None)
    labels = {
        label: next((lower[key] for key in keys if lower.get(key)), "")[:100]
        for label, keys in LABELS.items()
    }
    for heading, quantity in found.items():
        if quantity is None or not row[heading]:
            continue
        value = number(row[heading]) * quantity[1]
        if value <= 0:
            raise BadRowError(f"{heading[:40]}: {row[heading][:30]} is not positive")
        threads = whole(count) if count else None
        measured.numbers.append(
            MeasuredNumber(quantity[0], value, threads, series=heading[:60], **labels)
        )


def read_hyperfine(measured: Measurements, text: str) -> None:
    """Read hyperfine's JSON.

    Raises
    ------
    BadRowError
    """
    measured.form = "hyperfine"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRowError(f"not JSON: {' '.join(str(error).split())[:100]}", 1) from None
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, list) or not results or len(results) > MAX_ROWS:
        raise BadRowError("no list of results, as `hyperfine --export-json` writes it", 1)
    for result in results:
        if not isinstance(result, dict) or not isinstance(result.get("parameters", {}), dict):
            raise BadRowError("a result that is no object", 1)
        try:
            command = str(result.get("command", ""))
            _hyperfine(measured, command, result.get("mean"), result.get("parameters", {}))
        except BadRowError as error:
            raise BadRowError(f"result of {command[:40]!r}: {error}", 1) from None
