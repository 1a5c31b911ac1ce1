"""What changes to the kernel did to rates of will-it-scale, simulated: `ratios.csv`, one command.

    python experiments/modern/ratios.py

`published_ratios.csv` names the changes. Each is simulated with eight seeds, which are paired:
before and after the change the same draws are made. The model's ratio is the median of the eight;
`lo` and `hi` are the smallest and the greatest, which is an interval of 99 % for the median.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from dessim import registry
from dessim.files.tables import csv_text
from dessim.files.writing import write_texts
from dessim.study.fidelity.rates import RatePoint, rate_of

HERE = Path(__file__).parent
PUBLISHED, OUT = HERE / "published_ratios.csv", HERE / "ratios.csv"
SEEDS = range(1, 9)
POINTS = 100


def changes() -> list[dict[str, str]]:
    """Return the published changes, by column."""
    lines = PUBLISHED.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def point(row: dict[str, str], which: str = "") -> RatePoint:
    """Return what is simulated before a change, or (``changed_``) after it."""
    kernel = row[f"{which}kernel"]
    scheme = registry.load("linux_" + kernel.replace(".", "_"))
    given = (text.partition("=") for text in row[f"{which}options"].split())
    options = tuple((name, registry.read_option(scheme, name, to)) for name, _, to in given)
    return RatePoint(row["machine"], kernel, row["test"], row["mode"], int(row["tasks"]), options)


def ratios(row: dict[str, str]) -> Iterator[float]:
    """Yield the ratio of rates of each seed."""
    for seed in SEEDS:
        yield (
            rate_of(point(row, "changed_"), seed=seed).per_s / rate_of(point(row), seed=seed).per_s
        )


def simulated(row: dict[str, str]) -> dict[str, Any]:
    """Return the row of a change with the model's ratio, and by how many points it differs."""
    found = sorted(ratios(row))
    middle, published = median(found), float(row["published"])
    return {
        **{name: row[name] for name in ("change", "machine", "test", "mode", "tasks")},
        "published": f"{published:.3f}",
        "model": f"{middle:.3f}",
        "lo": f"{found[0]:.3f}",
        "hi": f"{found[-1]:.3f}",
        "points": round(POINTS * (middle - published), 1),
    }


if __name__ == "__main__":
    table = []
    for change in changes():
        table.append(simulated(change))
        print(*table[-1].values(), sep="  ", flush=True)
    write_texts({OUT.name: csv_text(table)}, OUT.parent)
