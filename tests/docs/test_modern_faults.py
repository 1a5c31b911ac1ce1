"""The page about faults that write: its tables are those of the schemes, and of the results."""

import csv
import runpy
from pathlib import Path
from statistics import median

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
        f"| {int(row['error_before']):+}, {int(row['error_after']):+} %"
        f" | {float(row['published']):.2f} | {float(row['model']):.2f}"
        f" [{float(row['lo']):.2f}, {float(row['hi']):.2f}] |"
        for row in rows
    ]
    table = PAGE.read_text().partition("### What changes to the kernel did")[2]
    lines = [line for line in table.splitlines() if line.endswith("] |")]
    assert len(lines) == len(expected)
    assert all(line.endswith(row) for line, row in zip(lines, expected, strict=True))


def test_the_ratios_are_those_of_the_published_changes():
    """Nothing was left out; ratio, median and range are those of the rates and the seeds."""
    lines = (MODERN / "published_ratios.csv").read_text().splitlines()
    published = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    with (MODERN / "ratios.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("change", "machine", "test", "mode", "tasks")
    assert [[row[n] for n in names] for row in rows] == [[p[n] for n in names] for p in published]
    for row, said in zip(rows, published, strict=True):
        ratio = int(said["after"]) / int(said["before"])
        assert float(row["published"]) == pytest.approx(ratio, abs=0.001)
        seeds = [float(one) for one in row["ratios_by_seed"].split()]
        found = [median(seeds), min(seeds), max(seeds)]
        assert found == pytest.approx([float(row[n]) for n in ("model", "lo", "hi")], abs=0.001)
        assert float(row["points"]) == pytest.approx(100 * (found[0] - ratio), abs=0.2)


def test_the_ratios_are_those_of_todays_model():
    """The cheapest is simulated again: its first seed lies among those on record."""
    ratios = runpy.run_path(str(MODERN / "ratios.py"))
    change = ratios["changes"]()[-1]
    before, after = ratios["point"](change), ratios["point"](change, "changed_")
    found = rate_of(after).per_s / rate_of(before).per_s
    with (MODERN / "ratios.csv").open() as file:
        recorded = list(csv.DictReader(file))[-1]
    assert recorded["machine"] == before.machine == "icelake-6346-2s"
    assert found == pytest.approx(float(recorded["ratios_by_seed"].split()[0]), abs=0.001)
