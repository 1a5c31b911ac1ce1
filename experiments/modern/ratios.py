"""What changes to the kernel did to rates of will-it-scale, simulated: `ratios.csv`, one command.

    python experiments/modern/ratios.py

`published_ratios.csv` names the changes. Each is simulated with eight seeds, which are paired:
before and after the change the same draws are made. The model's ratio is the median of the eight;
`lo` and `hi` are the smallest and the greatest, which is an interval of 99 % for the median.
`error_before` and `error_after` are those of the rates, in per cent.
"""

import csv
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
PER_CENT = 100


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


def rates(row: dict[str, str], which: str = "") -> list[float]:
    """Return the rates before a change, or (``changed_``) after it, of each seed, 1/s."""
    return [rate_of(point(row, which), seed=seed).per_s for seed in SEEDS]


def simulated(row: dict[str, str]) -> dict[str, Any]:
    """Return the row of a change: its ratios, by how many points and per cent the model is off."""
    before, after = rates(row), rates(row, "changed_")
    measured = float(row["before"]), float(row["after"])
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    published = measured[1] / measured[0]
    return {
        **{name: row[name] for name in ("change", "machine", "test", "mode", "tasks")},
        "published": f"{published:.3f}",
        "model": f"{median(ratios):.3f}",
        "lo": f"{min(ratios):.3f}",
        "hi": f"{max(ratios):.3f}",
        "points": round(PER_CENT * (median(ratios) - published), 1),
        "error_before": round(PER_CENT * (median(before) / measured[0] - 1)),
        "error_after": round(PER_CENT * (median(after) / measured[1] - 1)),
        "ratios_by_seed": " ".join(f"{one:.3f}" for one in ratios),
    }


if __name__ == "__main__":
    table = []
    for change in changes():
        table.append(simulated(change))
        print(*table[-1].values(), sep="  ", flush=True)
    write_texts({OUT.name: csv_text(table)}, OUT.parent)
