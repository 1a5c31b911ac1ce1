"""The result of the benchmarks as a Markdown table and as JSON."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import c_programs
from benchmarks.timing import Comparison, Spread

PACKAGES = ("dessim", "llvmlite", "numpy", "scipy", "simpy", "Ciw", "cimba")


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((s.split(": ", 1)[1] for s in lines if s.startswith("model name")), "unknown")


def environment() -> dict[str, str]:
    """Return what was measured on, and with which versions."""
    import os

    facts = {
        "processor": f"{processor()}, {os.cpu_count()} CPUs",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            facts[package] = "not installed"
    if facts["dessim"] == "not installed":
        from dessim import __version__

        facts["dessim"] = __version__
    cc = c_programs.compiler()
    if cc is None:
        facts["C compiler"] = "none"
    else:
        said = subprocess.run([cc, "--version"], capture_output=True, text=True, check=False)
        flags = " ".join(c_programs.FLAGS[:2])
        facts["C compiler"] = f"{said.stdout.splitlines()[0]}, {flags}"
    return facts


def short(value: float) -> str:
    """Return a number with three digits that count."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def spread(s: Spread | None) -> str:
    """Return a median and its extremes."""
    return "" if s is None else f"{short(s.median)} ({short(s.low)}..{short(s.high)})"


def markdown(facts: dict[str, str], comparisons: list[Comparison], rounds: int) -> str:
    """Return the whole report: what it was measured on, then a table for each comparison."""
    lines = [f"Medians of {rounds} interleaved rounds (min..max), processor time of the run alone."]
    lines += ["", *(f"* {name}: {value}" for name, value in facts.items())]
    for c in comparisons:
        lines += ["", f"### {c.title}", ""]
        last = f"{c.subject} is faster by" if c.subject else ""
        lines += [f"| | {c.unit} | ns/step | {last} |", "|---|---|---|---|"]
        for name in c.samples:
            cells = (name, *map(spread, (c.rate(name), c.ns_per_step(name), c.ratio(name))))
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"* {note}" for note in c.notes)]
    return "\n".join(lines) + "\n"


def as_json(facts: dict[str, str], comparisons: list[Comparison], rounds: int) -> dict[str, Any]:
    """Return every sample of every contender."""
    return {
        "environment": facts,
        "rounds": rounds,
        "comparisons": [
            {
                "title": c.title,
                "unit": c.unit,
                "subject": c.subject,
                "notes": c.notes,
                "samples": {
                    name: [
                        {"work": s.work, "processor_s": s.seconds, "steps": s.steps}
                        for s in samples
                    ]
                    for name, samples in c.samples.items()
                },
                "subject_is_faster_by": {
                    name: vars(ratio) for name in c.samples if (ratio := c.ratio(name))
                },
            }
            for c in comparisons
        ],
    }
