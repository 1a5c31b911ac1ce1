"""The page about faults that write: its tables are those of the schemes, and of the results."""

import csv
import runpy
from pathlib import Path

import pytest

from dessim.schemes import linux
from dessim.study.fidelity.rates import rate_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "modern-faults.md"
MODERN = ROOT / "experiments" / "modern"


def test_the_table_of_versions_is_made_from_the_schemes():
    """Each option is a row, each version a column, as the schemes have them."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    said = [line for line in rows if line.split("`")[1] in linux.OPTIONS]
    expected = []
    for option in linux.OPTIONS:
        values = [column[option] for column in linux.COLUMNS.values()]
        cells = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
        expected.append(f"| `{option}` | {' | '.join(cells)} |")
    assert said == expected


def test_the_table_of_ratios_is_what_the_command_wrote():
    """Published ratio, the model's and the range of its seeds, row by row."""
    with (MODERN / "ratios.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [
        f"| {float(row['published']):.2f} | {float(row['model']):.2f}"
        f" [{float(row['lo']):.2f}, {float(row['hi']):.2f}] |"
        for row in rows
    ]
    table = PAGE.read_text().partition("### What changes to the kernel did")[2]
    lines = [line for line in table.splitlines() if line.endswith("] |")]
    assert len(lines) == len(expected)
    assert all(line.endswith(row) for line, row in zip(lines, expected, strict=True))


def test_the_ratios_are_those_of_the_published_changes():
    """Nothing was left out, and points are what lies between model and published ratio."""
    lines = (MODERN / "published_ratios.csv").read_text().splitlines()
    published = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    with (MODERN / "ratios.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("change", "machine", "test", "mode", "tasks", "published")
    assert [[row[n] for n in names] for row in rows] == [[p[n] for n in names] for p in published]
    for row in rows:
        off = 100 * (float(row["model"]) - float(row["published"]))
        assert float(row["points"]) == pytest.approx(off, abs=0.2)


def test_the_ratios_are_those_of_todays_model():
    """The cheapest is simulated again: its first seed lies among those on record."""
    ratios = runpy.run_path(str(MODERN / "ratios.py"))
    change = ratios["changes"]()[-1]
    before, after = ratios["point"](change), ratios["point"](change, "changed_")
    found = rate_of(after).per_s / rate_of(before).per_s
    with (MODERN / "ratios.csv").open() as file:
        recorded = list(csv.DictReader(file))[-1]
    assert recorded["machine"] == before.machine == "icelake-6346-2s"
    assert float(recorded["lo"]) - 0.001 <= found <= float(recorded["hi"]) + 0.001
