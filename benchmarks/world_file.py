"""Numbers of a World as a text file, for the programs in C; and their output as a RunResult."""

from pathlib import Path

from dessim import registry
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.kernel.result import Latencies, RunResult, choose_latencies
from dessim.kernel.world import Setup, Words, build_world
from dessim.model.workload import PAGE_BYTES
from dessim.study.sweep.plan import features_of

Rows = dict[str, list[int]]

SCALARS = ("TASKS", "PAGES", "TABLES", "SOCKETS", "KEY", "HOLD", "SHARE", "COALESCE", "ORDER")
SCALARS += (
    "HIDDEN_PPM",
    "TRAIN",
    "EVICT",
    "L3_HIT",
    "L3_PAGES",
    "NODE_PAGE",
    "INTERLEAVE",
    "ACCESSES",
)
SCALARS += ("FILE_TABLES", "WALKERS")
SCALARS += ("SPLIT_PMD", "PTL_KIND", "TICKET_WAITER", "MCS_PPM", "BUCKETS", "SHARED_FIRST", "TLB")
SCALARS += ("PAGE_HAND_OVER", "PAGE_RETRIES")
SCALARS += ("TLB_L1_SETS", "TLB_L1_WAYS", "TLB_L2_SETS", "TLB_L2_WAYS")
TASK_WORDS = {
    "core": lay.T_CORE,
    "l3": lay.T_L3,
    "socket": lay.T_SOCKET,
    "smt": lay.T_SMT,
    "start": lay.T_START,
}


class NotInCError(ValueError):
    """A setup that the program in C was not written for."""


def numbers_of(setup: Setup) -> Rows:
    """Return all that a program in C needs to know, by name.

    Raises
    ------
    NotInCError
        If the setup is neither a lock loop nor a sequential read as the fault path in C knows it.
    """
    missing = [] if setup.workload.kind == "lock_loop" else _missing_in_c(setup)
    if missing:
        raise NotInCError(f"the program in C knows only {', '.join(missing)}: change the setup")
    w = build_world(setup)
    topology = setup.machine.topology
    rows: Rows = {name: [int(w[getattr(lay, f"H_{name}")])] for name in SCALARS}
    rows["L3S"] = [topology.n_l3]
    rows["CORES"] = [topology.n_cores]
    rows["READ_CV_PPM"] = [setup.machine.user.read_page_cv_ppm]
    for i, name in enumerate(cost_table.COSTS):
        rows[f"cost.{name}"] = [
            int(w[w[lay.H_COST] + row * cost_table.N_COSTS + i]) for row in (0, 1)
        ]
    rows["line_cost"] = _words(w, lay.H_LINE_COST, 9 * lay.N_DISTANCES)
    rows["far_read"] = _words(w, lay.H_FAR_READ, 3)
    rows["walk_miss"] = _words(w, lay.H_WALK_MISS, topology.n_l3)
    rows["hops"] = _words(w, lay.H_HOPS, topology.sockets**2)
    cores = _words(w, lay.H_CORE, topology.n_cores * lay.C_WORDS)
    rows["core.l3"] = cores[lay.C_L3 :: lay.C_WORDS]
    rows["core.socket"] = cores[lay.C_SOCKET :: lay.C_WORDS]
    tasks = _words(w, lay.H_TASK, setup.threads * lay.T_WORDS)
    for name, word in TASK_WORDS.items():
        rows[f"task.{name}"] = tasks[word :: lay.T_WORDS]
    on_cpu = {cpu: task + 1 for task, cpu in enumerate(tasks[lay.T_CPU :: lay.T_WORDS])}
    rows["task.sibling"] = [on_cpu.get(cpu, 0) for cpu in tasks[lay.T_SIBLING :: lay.T_WORDS]]
    rows |= _locks_of_tables(w, setup.threads)
    rows["VMA_CACHE_OF_MM"] = [int(setup.machine.locks.vma_cache == "mm")]
    quantiles = _words(w, lay.H_QUANTILES, lay.N_QUANTILES * lay.QUANTILE_WORDS)
    rows["quantiles.read"] = quantiles[: lay.QUANTILE_WORDS]
    rows["quantiles.exponential"] = quantiles[lay.QUANTILE_WORDS :]
    return rows


def _missing_in_c(setup: Setup) -> list[str]:
    """Return what the fault path in C would need a setup to have, and it has not."""
    workload, locks = setup.workload, setup.machine.locks
    needs = {
        "sequential reads": workload.access == "sequential" and workload.page_touch == "read_page",
        "a cached file": not setup.page_cache_changes,
        "mappings that stay": workload.unmap_every_pages == 0,
        "own tables in one mm": workload.mapping == "per_thread",
        "threads that begin an interval apart (start: interval)": setup.creators == 0,
        "a CPU for each thread": setup.threads <= setup.machine.topology.n_cpus,
        "split page-table locks": locks.split_page_table_locks,
        "ticket and MCS locks": locks.page_table_lock != "test_and_set",
        "work that does not vary": setup.machine.kernel.work_cv_ppm == 0,
        "the steps of radix_walk_trylock and no_fault_around": setup.program == _known(setup),
    }
    return [need for need, met in needs.items() if not met]


def _known(setup: Setup) -> Program:
    """Return the program that C is written after, with the features of the workload and kernel."""
    around = setup.fault_around_order > 0
    name = "radix_walk_trylock" if around else "no_fault_around"
    features = features_of(setup.workload, setup.machine)
    return registry.thread_program(registry.load(name), {}, int(around), **dict(features))


def _locks_of_tables(w: Words, threads: int) -> Rows:
    """Return which lock each task takes to hang in a page table, and whether it is its own."""
    tasks = [int(w[lay.H_TASK]) + i * lay.T_WORDS for i in range(threads)]
    mappings = [int(w[t + lay.T_MAPPING]) for t in tasks]
    places = [int(w[mapping + lay.M_PMD]) for mapping in mappings]
    locks = [(place - places[0]) // int(w[lay.H_LINE_WORDS]) for place in places]
    first = [int(w[mapping + lay.M_PMD_FIRST]) for mapping in mappings]
    last_table = first[-1] + int(w[lay.H_TABLES]) - 1
    return {
        "task.pmd": locks,
        "task.pmd_first": first,
        "TABLE_LOCKS": [locks[-1] + (last_table >> int(w[lay.H_TABLE_SHIFT])) + 1],
        "OWN_PMDS": [int(w[tasks[0] + lay.T_OWN_TABLES] == lay.PMDS_OWN)],
    }


def _words(w: Words, slot: int, count: int) -> list[int]:
    base = int(w[slot])
    return [int(x) for x in w[base : base + count]]


def write_numbers(rows: Rows, path: Path) -> None:
    """Write one line per name: the name, how many numbers, the numbers."""
    lines = (f"{name} {len(row)} {' '.join(map(str, row))}" for name, row in rows.items())
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def read_output(text: str) -> Rows:
    """Read what a program in C printed; numbers of repeated names are collected."""
    rows: Rows = {}
    for line in text.splitlines():
        name, _, *numbers = line.split()
        rows.setdefault(name, []).extend(map(int, numbers))
    return rows


def _latencies(rows: Rows, part: int) -> Latencies:
    """Return latencies that ended while all threads ran (0), or before or after (1)."""
    size = len(rows["histogram"]) // 2
    counts = rows["histogram"][part * size : (part + 1) * size]
    fields = (rows[f"latency_{name}"][part] for name in ("max_ps", "sum_ps", "count"))
    return Latencies(tuple((i, n) for i, n in enumerate(counts) if n), *fields)


def result_of(rows: Rows, setup: Setup) -> RunResult:
    """Return a program's output in the form of dessim's own results, so that == compares them."""
    faults = rows["series_faults"]
    used = max((i + 1 for i, n in enumerate(faults) if n), default=0)
    time_ps = {
        name: rows.get(f"time.{name}", [0])[0] for name in lay.CATEGORIES[: lay.N_FILE_CATEGORIES]
    }
    start_ps = max(numbers_of(setup)["task.start"])
    first_ps, last_ps = min(rows["finish"]), max(rows["finish"])
    steady, other = (_latencies(rows, part) for part in range(2))
    latencies, is_steady = choose_latencies(steady, other, start_ps, first_ps, last_ps)
    return RunResult(
        threads=setup.threads,
        pages_simulated=setup.pages,
        pages_declared=max(1, setup.workload.file_size_bytes // PAGE_BYTES),
        start_ps=start_ps,
        first_finish_ps=first_ps,
        finish_ps=last_ps,
        completion_ps=rows["completion_ps"][0],
        counters={
            name: rows.get(f"count.{name}", [0])[0] for name in lay.COUNTERS[: lay.N_FILE_COUNTERS]
        },
        time_ps=time_ps,
        total_time_ps=sum(time_ps.values()),
        latency_counts=latencies.counts,
        latency_max_ps=latencies.max_ps,
        latency_sum_ps=latencies.sum_ps,
        latency_count=latencies.count,
        latency_steady=is_steady,
        series_bin_ps=rows["series_bin_ps"][0],
        series_faults=tuple(faults[:used]),
        series_pages=tuple(rows["series_pages"][:used]),
        events=rows["events"][0],
    )
