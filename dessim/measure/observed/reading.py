"""From a file of measurements to what it holds: which tool wrote it, then what it says."""

from __future__ import annotations

from pathlib import Path

from dessim.files.lines import DamagedLineError, TextLines, shown
from dessim.files.reading import read_text
from dessim.measure.observed import histograms, locks, rates
from dessim.measure.observed.values import BadRowError, MeasuredError, Measurements

FORMATS = {
    "histogram": "histograms of bpftrace or bcc",
    "perf-lock": "tables of perf lock",
    "hyperfine": "hyperfine's JSON or CSV",
    "will-it-scale": "will-it-scale's CSV",
    "csv": "CSV with units in its header",
}
LOOKED_AT = 200
REMEDY = "fix the file, or write it again with the tool"


def read_measured(path: str | Path, unit_ns: float | None = None) -> Measurements:
    """Read a file of measurements.

    Parameters
    ----------
    path : str or Path
    unit_ns : float, optional
        Of histograms whose name does not say.

    Raises
    ------
    UnreadableError, DamagedLineError
        If it or one of its lines cannot be read.
    MeasuredError
        If no tool is recognised, or there is nothing in it.
    """
    first, form = _recognised(path)
    measured = Measurements(form)
    if unit_ns is not None and form != "histogram":
        raise MeasuredError(f"{path}: --unit is for histograms, not for {FORMATS[form]}")
    if form in ("histogram", "perf-lock"):
        _read_lines(path, measured, unit_ns)
    else:
        text = read_text(path)
        try:
            if form == "hyperfine":
                rates.read_hyperfine(measured, text)
            else:
                rates.read_csv(measured, text, str(path))
        except BadRowError as error:
            number = error.args[1] if len(error.args) > 1 else 1
            raise DamagedLineError(str(path), number, str(error.args[0]), REMEDY) from None
    if not (measured.histograms or measured.locks or measured.numbers):
        raise MeasuredError(f"{path}: {FORMATS[form]} without a number (it begins {first})")
    if measured.histograms and not any(h.count for h in measured.histograms):
        raise MeasuredError(f"{path}: all histograms are empty")
    return measured


def _recognised(path: str | Path) -> tuple[str, str]:
    """Return the first line of a file, and which tool wrote it."""
    lines = TextLines(path)
    try:
        some = next(iter(lines), [])[:LOOKED_AT]
    finally:
        lines.close()
    seen = [line.rstrip("\r") for line in some if line.strip()]
    if not seen:
        raise MeasuredError(f"{path}: the file is empty")
    first = shown(seen[0])
    if any(map(locks.looks_like, seen)):
        return first, "perf-lock"
    if any(map(histograms.looks_like, seen)):
        return first, "histogram"
    if seen[0].lstrip("\ufeff ")[:1] in "{[":
        return first, "hyperfine"
    head = next((line for line in seen if line[0] != "#"), "")
    if sum(map(head.count, ",;\t")):
        return first, "csv"
    known = ", ".join(FORMATS.values())
    raise MeasuredError(f"{path}: unknown format, beginning {first}; there are {known}")


def _read_lines(path: str | Path, measured: Measurements, unit_ns: float | None) -> None:
    reader: histograms.HistogramReader | locks.LockTableReader
    if measured.form == "histogram":
        reader = histograms.HistogramReader(measured, unit_ns)
    else:
        reader = locks.LockTableReader(measured)
    lines, number = TextLines(path), 0
    try:
        for some in lines:
            for line in some:
                number += 1
                try:
                    if reader.line(line.rstrip("\r")):
                        continue
                    what = f"not of {FORMATS[measured.form]}: {shown(line)}"
                except BadRowError as error:
                    what = f"{error}: {shown(line)}"
                raise DamagedLineError(lines.name, number, what, REMEDY)
    finally:
        lines.close()
    asked = isinstance(reader, histograms.HistogramReader) and reader.took_unit
    if unit_ns is not None and not asked:
        raise MeasuredError(f"{path}: --unit is for histograms whose name does not say their unit")
