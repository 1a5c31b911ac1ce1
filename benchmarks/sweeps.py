"""What it costs to carry out a sweep: ``python -m benchmarks.sweeps [tiny] [scaling]``.

``tiny``: ten thousand runs of about a millisecond. Rates and processor time of the first and the
last thousand, the parent's own share of it, memory of parent and workers, and resuming when all is
done. ``scaling``: a sweep of two minutes with one worker and with two, in turns.

Wall time means something on an idle machine only; the load average is printed next to it. Processor
time of all processes is read from `/proc` (Linux).
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TINY = f"""\
name: tiny
machine: ivybridge-ex-4s
workload: {{name: lock-loop, kind: lock_loop, think: 1us, hold: 50ns, iterations: 20}}
schemes: [no_fault_around]
matrix: {{workload.iterations: {list(range(11, 36))}, threads: [1, 2, 3, 4]}}
replications: 100
"""
LONG = """\
name: long
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount, radix_walk_trylock]
matrix: {threads: [30, 60]}
simulate: 128MiB
replications: 48
"""
WHAT = ("tiny", "scaling")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


@dataclass(frozen=True)
class Moment:
    """What the processes of a sweep have used when some runs were done."""

    wall_s: float
    runs: int
    parent_cpu_s: float
    workers_cpu_s: float
    parent_mib: float
    largest_worker_mib: float


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process, without its children; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Memory of a process that lies in RAM; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def workers_of(pid: int) -> list[int]:
    """Worker processes of a sweep."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children]


def command(config: Path, out: Path, workers: int, *words: str) -> list[str]:
    """`dessim run` of a sweep."""
    call = [sys.executable, "-m", "dessim", "run", str(config), "-j", str(workers)]
    return [*call, "--format", "csv", "--out", str(out), *words]


def watched(config: Path, out: Path, workers: int, every: int) -> list[Moment]:
    """Carry out a sweep and note what it has used at its start and before every so many-th run."""
    begin, found, runs = time.monotonic(), list[Moment](), 0
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command(config, out, workers, "-v"), stdout=subprocess.DEVNULL, stderr=pipe, text=True
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if " ran: " not in line and " stored: " not in line:
            continue
        if runs % every == 0:
            found.append(moment(process.pid, begin, runs))
        runs += 1
    if process.wait():
        raise SystemExit("".join(said[-5:]))
    return found


def moment(pid: int, begin: float, runs: int) -> Moment:
    """What the processes have used now."""
    workers = workers_of(pid)
    return Moment(
        time.monotonic() - begin,
        runs,
        cpu_s(pid),
        sum(map(cpu_s, workers)),
        resident_mib(pid),
        max(map(resident_mib, workers), default=0.0),
    )


def timed(words: list[str]) -> tuple[float, float]:
    """Wall time and processor time of a command with all its children."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    wall_s, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr[-500:])
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tiny(folder: Path) -> None:
    """Ten thousand tiny runs, and all of them once more."""
    config, out = folder / "tiny.yaml", folder / "tiny"
    config.write_text(TINY)
    found = watched(config, out, 2, 500)
    print("| runs done | wall s | CPU s, parent | CPU s, workers | MiB, parent | MiB, worker |")
    print("|---|---|---|---|---|---|")
    for one in found[::2]:
        print(
            f"| {one.runs} | {one.wall_s:.1f} | {one.parent_cpu_s:.2f} | {one.workers_cpu_s:.2f}"
            f" | {one.parent_mib:.0f} | {one.largest_worker_mib:.0f} |"
        )
    for name, a, b in (("first", found[1], found[3]), ("last", found[-3], found[-1])):
        runs = b.runs - a.runs
        parent_ms = (b.parent_cpu_s - a.parent_cpu_s) / runs * 1e3
        workers_ms = (b.workers_cpu_s - a.workers_cpu_s) / runs * 1e3
        print(
            f"{name} thousand (runs {a.runs} to {b.runs}):"
            f" {runs / (b.wall_s - a.wall_s):.0f} runs/s,"
            f" CPU per run {parent_ms:.2f} ms in the parent, {workers_ms:.2f} ms in workers"
        )
    for _ in range(3):
        wall_s, cpu = timed(command(config, out, 1))
        print(f"resumed: {wall_s:.2f} s, {cpu:.2f} s of them on the CPU; load {load()}", flush=True)


def scaling(folder: Path, rounds: int) -> None:
    """A long sweep with one worker and with two, in turns."""
    config = folder / "long.yaml"
    config.write_text(LONG)
    ratios = []
    for i in range(rounds):
        wall: dict[int, float] = {}
        for workers in (1, 2) if i % 2 else (2, 1):
            before = load()
            wall[workers], cpu = timed(command(config, folder / f"long-{i}-{workers}", workers))
            print(
                f"-j {workers}: {wall[workers]:.2f} s, {cpu:.2f} s on CPUs"
                f" ({cpu / wall[workers]:.2f} of them busy); load before it {before}",
                flush=True,
            )
        ratios.append(wall[1] / wall[2])
        print(f"two workers are {ratios[-1]:.3f} times as fast as one", flush=True)
    print(f"median {statistics.median(ratios):.3f}")


def load() -> str:
    """How busy the machine was during the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=__doc__)
    parser.add_argument("what", nargs="*", help="tiny, scaling; nothing: both")
    parser.add_argument("--rounds", type=int, default=3, help="of `scaling` (default: 3)")
    options = parser.parse_args()
    chosen = options.what or WHAT
    if not set(chosen) <= set(WHAT):
        parser.error(f"choose from {', '.join(WHAT)}")
    with tempfile.TemporaryDirectory(prefix="sweeps-", dir=Path.cwd()) as folder:
        if "tiny" in chosen:
            tiny(Path(folder))
        if "scaling" in chosen:
            scaling(Path(folder), options.rounds)


if __name__ == "__main__":
    main()
