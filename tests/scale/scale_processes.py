"""Real `dessim` processes, and what is left of them."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTPUTS = ("results.json", "results.csv", "results.parquet", "latency.csv", "sweep.json")

SWEEP = """\
name: sweep
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
matrix: {threads: [1, 2, 4]}
fault_around_order: 2
simulate: auto
simulate_cap: 256KiB
replications: 3
"""


def command(sweep: Path, out: Path, *words: str) -> list[str]:
    """`dessim run` of a sweep on the reference engine."""
    call = [sys.executable, "-m", "dessim", "run", str(sweep), "--engine", "reference"]
    return [*call, "-q", "--format", "json", "--out", str(out), *words]


def same_tables(one: Path, two: Path) -> bool:
    """Whether two sweeps ended in the same bytes, by `cmp`."""
    pairs = [(one / "sweep" / name, two / "sweep" / name) for name in OUTPUTS]
    return not any(subprocess.call(["cmp", str(a), str(b)]) for a, b in pairs)


def children_of(pid: int) -> list[int]:
    """Worker processes of a process; none if it is gone."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in listed if "spawn_main" in command_line(int(child))]


def command_line(pid: int) -> str:
    """Command line of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def gone_soon(pids: list[int], seconds: float = 30.0) -> bool:
    """Whether workers end by themselves within some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any("spawn_main" in command_line(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False
