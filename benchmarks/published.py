"""Benchmark 4: the published experiment without scaling, time and peak memory.

Sequential read of 16 GiB by 120 threads. Each run is a process of its own, so that its peak memory
is its own: ``python -m benchmarks.published SCHEME SIZE_MIB``.
"""

import json
import subprocess
import sys
import time

from benchmarks import setups
from benchmarks.engines import run_compiled
from benchmarks.setups import MIB
from benchmarks.timing import Comparison, Sample

THREADS = 120
SCHEMES = ("no_fault_around", "radix_walk_trylock")
WHOLE_MIB = 16 * 1024


def measure(scheme: str, size_mib: int) -> dict[str, float]:
    """Run one scheme in this process and return what it took."""
    import resource

    run_compiled(setups.fault_path(2, MIB, scheme=scheme), own=True)  # compiles, or loads
    began = time.perf_counter()
    setup = setups.fault_path(THREADS, size_mib * MIB, scheme=scheme)
    result, seconds = run_compiled(setup, own=True)
    return {
        "processor_s": seconds,
        "wall_s": time.perf_counter() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "steps": result.events,
        "faults": result.counters["minor_faults"],
        "touches": result.counters["touches"],
        "simulated_s": result.completion_ps / 1e12,
    }


def run(size_mib: int = WHOLE_MIB) -> list[Comparison]:
    """Measure both schemes once, each in a process of its own."""
    title = f"sequential read of {size_mib} MiB by {THREADS} threads, nothing scaled"
    result = Comparison(title, "page touches/s", None)
    for scheme in SCHEMES:
        command = [sys.executable, "-m", "benchmarks.published", scheme, str(size_mib)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        took = json.loads(done.stdout)
        sample = Sample(int(took["touches"]), took["processor_s"], int(took["steps"]))
        result.samples[scheme] = [sample]
        result.notes.append(
            f"{scheme}: {took['faults']:,.0f} faults, {took['steps']:,.0f} steps,"
            f" {took['processor_s']:.0f} s of processor time"
            f" ({took['wall_s']:.0f} s with building and reading its world),"
            f" peak {took['peak_mib']:,.0f} MiB, {took['simulated_s']:.1f} s simulated"
        )
    return [result]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
