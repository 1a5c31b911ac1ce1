"""Draw the pictures of these pages again: `python docs/draw.py [RESULTS-DIR]`.

Each is a figure of `experiments/`, drawn from stored results; those whose results are missing are
named with the commands that make them, and stay as they are.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from dessim.files.writing import write_all
from dessim.report.paper import figures as paper
from dessim.report.plot.save import settle
from dessim.report.plot.style import paper_style

PICTURES = Path(__file__).parent / "pictures"
DPI = 150
SHOWN = (
    *("throughput", "latency", "time_share", "gang_lookup_speedup", "thousand_cpus"),
    *("lock_collapse", "page_lock_convoy", "fork_by_folio_size", "mmap_database", "page_size"),
    *("exec_storm", "exit_storm", "memory_by_folio_size", "munmap_and_dontneed"),
)
"""Figures that a page shows."""


def draw(name: str, stored: paper.Stored) -> Path:
    """Draw one of them and return where it is."""
    drawing = paper.load(name).draw(stored)
    with paper_style():
        drawing.figure.set_dpi(DPI)
        settle(drawing.figure)
        png = io.BytesIO()
        drawing.figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    return write_all({PICTURES / f"{name}.png": png.getvalue()})[0]


def main(results: Path) -> int:
    """Draw all; return 1 if some could not be drawn."""
    stored, missing = paper.Stored(results), 0
    for name in SHOWN:
        needs = paper.load(name).needs
        lacking = [command for need, command in needs.items() if not stored.has(need)]
        for command in lacking:
            print(f"{name}: missing, make it with: {command}", file=sys.stderr)
        missing += bool(lacking)
        if not lacking:
            print(draw(name, stored))
    return int(missing > 0)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
