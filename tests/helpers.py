"""Small machines, workloads and Worlds for tests, built in code so that every number is in view."""

from dataclasses import dataclass
from typing import Any

from dessim import registry
from dessim.kernel import layout as lay
from dessim.kernel import steps
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.draws import draw_block
from dessim.kernel.programs import lock_loop_program
from dessim.kernel.world import ActorSetup, Setup, build_world
from dessim.model.machine import Machine
from dessim.model.workload import PAGE_BYTES, Workload

STOP = Step("stop", category="teardown")

NEVER_PS = 10**15

# Operation x state, then smt_sibling, same_l3, same_socket, one_hop, two_hops. All numbers of the
# test machine differ, and no two sums that a test compares coincide.
DISTANCES = ("smt_sibling_ps", "same_l3_ps", "same_socket_ps", "one_hop_ps", "two_hops_ps")
LINE_PS = {
    "load_modified": (1_103, 30_011, 50_021, 90_031, 150_041),
    "load_shared": (1_201, 20_051, 40_063, 80_071, 140_083),
    "store_modified": (1_301, 31_091, 51_109, 91_121, 151_141),
    "store_shared": (1_409, 21_149, 41_161, 81_173, 141_181),
    "rmw_modified": (8_501, 32_203, 52_223, 92_227, 152_239),
    "rmw_shared": (8_609, 22_247, 42_257, 82_261, 142_271),
}
LOCAL_PS = {"load": 1_009, "store": 1_511, "rmw": 7_013}
MEMORY_PS = {"local_ps": 100_003, "one_hop_ps": 160_009, "two_hops_ps": 220_021}
L3_HIT_PS = 15_017
TICKET_WAITER_PS = 5_003

KERNEL_PS = {
    "exception_entry": 200_017,
    "exception_exit": 95_021,
    "find_vma": 16_033,
    "walk_page_table": 18_041,
    "alloc_page_table": 900_053,
    "fault_around_setup": 14_057,
    "slow_path": 99_071,
    "lookup_descent": 17_077,
    "lookup_slot": 3_079,
    "indirect_call": 4_091,
    "page_checks": 4_211,
    "rmap": 13_099,
    "set_pte": 11_113,
    "lock_local": 3_121,
    "unlock_page": 9_127,
    "teardown_per_pte": 33_131,
    "teardown_per_table": 1_300_139,
    "thread_start": 30_000_149,
    "process_exit": 500_000_157,
    "page_lock_sleep": 120_163,
    "page_lock_leave": 57_047,
    "wakeup": 2_500_169,
    "wake_walk": 300_173,
    "wake_read": 41_057,
    "context_switch": 1_300_181,
    "add_to_page_cache": 410_183,
    "remove_from_page_cache": 310_187,
    "clear_pte": 21_191,
}
TLB_PS = {
    "l2_hit": 2_011,
    "page_walk": 17_011,
    "invlpg": 100_019,
    "flush_all": 300_023,
    "ipi_base": 2_100_029,
    "ipi_per_cpu": 37_039,
    "ipi_handler": 450_041,
}
# Four sets of two ways, then eight; `tlb=TLB` and `device=DEVICE` for a_machine.
TLB = {
    "l1_entries": 8,
    "l1_ways": 2,
    "l2_entries": 16,
    "l2_ways": 2,
    **{f"{name}_ps": ps for name, ps in TLB_PS.items()},
}
DEVICE = {"read_latency_ps": 90_000_053, "queue_depth": 2}
USER_PS = {
    "read_page_dram": 1_000_191,
    "read_page_l3": 350_199,
    "touch_word": 140_201,
    "random_word": 101_207,
}


def merge(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return nested values with some of them replaced."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = (
            merge(old, change) if isinstance(change, dict) and isinstance(old, dict) else change
        )
    return result


def a_machine(**changes: Any) -> Machine:
    """Return the test machine: 2 sockets x 2 L3 x 2 cores x 2 siblings, filled compactly.

    Tasks 0 and 1 are siblings; 2 shares their L3; 4 their socket; 8 is one hop away. No SMT
    slow-down, constant clock, no hold, no arbitration, no coalescing, no prefetch, no eviction.
    """
    values: dict[str, Any] = {
        "name": "test",
        "topology": {
            "sockets": 2,
            "l3_per_socket": 2,
            "cores_per_l3": 2,
            "threads_per_core": 2,
            "l3_size_bytes": 64 * PAGE_BYTES,
            "placement": "compact",
        },
        "clock": {"nominal_hz": 2 * 10**9, "one_core_hz": 3 * 10**9, "all_cores_hz": 3 * 10**9},
        "smt": {"user_slowdown_ppm": 1_000_000, "kernel_slowdown_ppm": 1_000_000},
        "cache_line": {
            **{f"local_{op}_ps": ps for op, ps in LOCAL_PS.items()},
            **{name: dict(zip(DISTANCES, ps, strict=True)) for name, ps in LINE_PS.items()},
            "hold_ps": 0,
            "arbitration_share_ppm": 0,
            "coalesce_ppm": 0,
            "prefetch_hidden_ppm": 0,
            "evict_after_ps": NEVER_PS,
            "l3_hit_ps": L3_HIT_PS,
        },
        "memory": {
            **MEMORY_PS,
            "bandwidth_per_socket_bytes_per_s": 10**15,
            "file_placement": "first_socket",
        },
        "locks": {
            "page_table_lock": "ticket",
            "ticket_per_waiter_ps": TICKET_WAITER_PS,
            "mcs_transfers_ppm": 2_000_000,
        },
        "kernel": {**{f"{name}_ps": ps for name, ps in KERNEL_PS.items()}, "work_cv_ppm": 0},
        "user": {**{f"{name}_ps": ps for name, ps in USER_PS.items()}, "read_page_cv_ppm": 0},
    }
    return Machine(**merge(values, changes))


def ideal_machine(cpus: int) -> Machine:
    """Return a machine on which nothing costs anything: only think and hold times are left."""
    nothing = dict.fromkeys(DISTANCES, 0)
    return a_machine(
        topology={
            "sockets": 1,
            "l3_per_socket": 1,
            "cores_per_l3": cpus,
            "threads_per_core": 1,
        },
        cache_line={
            **{f"local_{op}_ps": 0 for op in LOCAL_PS},
            **dict.fromkeys(LINE_PS, nothing),
            "l3_hit_ps": 0,
        },
        memory=dict.fromkeys(MEMORY_PS, 0),
        locks={"ticket_per_waiter_ps": 0},
        kernel={f"{name}_ps": 0 for name in KERNEL_PS},
    )


def a_workload(pages: int = 16, **changes: Any) -> Workload:
    """Return a sequential read of a small file; all threads start at the same instant."""
    values = {
        "name": "test",
        "access": "sequential",
        "file_size_bytes": pages * PAGE_BYTES,
        "start_stagger_ps": 0,
        **changes,
    }
    return Workload(**values)


def a_lock_loop(**changes: Any) -> Workload:
    """Return a lock loop with fixed times; all threads start at the same instant."""
    values = {
        "name": "loop",
        "kind": "lock_loop",
        "think_ps": 1_000,
        "hold_ps": 100,
        "iterations": 10,
        "think_distribution": "fixed",
        "hold_distribution": "fixed",
        "start_stagger_ps": 0,
        **changes,
    }
    return Workload(**values)


def scheme_program(name: str, order: int, **options: Any) -> Program:
    """Return the program of a scheme; order 0 is no fault-around, whatever the scheme."""
    return registry.thread_program(registry.load(name), options, order)


def scheme_setup(
    name: str,
    order: int,
    threads: int,
    machine: Machine | None = None,
    workload: Workload | None = None,
    seed: int = 1,
    **options: Any,
) -> Setup:
    """Return a run of a scheme."""
    machine = machine or a_machine()
    program = scheme_program(name, order, **options)
    return Setup(machine, workload or a_workload(), program, threads, order, None, seed, 0)


def lock_loop_setup(
    workload: Workload, threads: int, machine: Machine | None = None, replication: int = 0
) -> Setup:
    """Return a run of a lock loop, by default on the ideal machine."""
    machine = machine or ideal_machine(max(threads, 1))
    program = assemble(lock_loop_program())
    return Setup(machine, workload, program, threads, 0, None, 1, replication)


@dataclass
class Lab:
    """A World with a program of a few steps, whose tasks are moved by hand.

    Attributes
    ----------
    program : Program
    w : list of int
        The World.
    """

    program: Program
    w: list[int]

    def go(self, task: int, now: int) -> int:
        """Carry out one event of a task: the time of its next event, ASLEEP or ENDED."""
        return steps.advance(self.w, task, now)

    def place(self, task: int) -> str:
        """Return the readable form of the instruction at which a task stands."""
        return self.program.listing[self.get(task, lay.T_PC)]

    def get(self, task: int, word: int) -> int:
        """Return a word of a task."""
        return self.w[self.w[lay.H_TASK] + task * lay.T_WORDS + word]

    def put(self, task: int, word: int, value: int) -> None:
        """Set a word of a task."""
        self.w[self.w[lay.H_TASK] + task * lay.T_WORDS + word] = value

    def on_page(self, task: int, page: int) -> None:
        """Put a task's access and cursor on a page."""
        self.put(task, lay.T_PAGE, page)
        self.put(task, lay.T_CURSOR, page)

    def page_at(self, page: int) -> int:
        """Return where a page's record begins."""
        return self.w[lay.H_PAGE] + page * self.w[lay.H_PAGE_WORDS]

    def page(self, page: int, word: int) -> int:
        """Return a word of a page."""
        return self.w[self.page_at(page) + word]

    def flag(self, page: int, flag: int, on: bool) -> None:
        """Set or clear a flag of a page."""
        place = self.page_at(page) + lay.P_FLAGS
        self.w[place] = self.w[place] | flag if on else self.w[place] & ~flag

    def counter(self, name: str) -> int:
        """Return a counter of the run."""
        return self.w[self.w[lay.H_COUNT] + lay.COUNTERS.index(name)]

    def spent(self, task: int, category: str) -> int:
        """Return ps accounted to a category of a task."""
        return self.get(task, lay.T_ACCOUNT + lay.CATEGORIES.index(category))

    def go_to_draw(self, task: int, purpose: int, index: int) -> None:
        """Let a task's next draw for a purpose be one with a given number."""
        ahead = lay.DRAWN_AHEAD
        self.put(task, lay.T_DRAW + purpose, index)
        place = (task * lay.N_COUNTED_DRAWS + purpose) * ahead
        block = self.w[lay.H_DRAWN] + place
        draw_block(self.w, block, task, purpose, index - index % ahead)

    def latencies(self, part: int = 0) -> tuple[int, int, int]:
        """Return count, sum and maximum of latencies: while all threads run (0), or not (1)."""
        record = self.w[lay.H_HIST] + part * lay.Y_WORDS
        return tuple(self.w[record + word] for word in (lay.Y_COUNT, lay.Y_SUM, lay.Y_MAX))

    def woken(self) -> dict[int, int]:
        """Return the tasks to which the last event gave a time, with that time."""
        base = self.w[lay.H_WOKEN]
        tasks = self.w[base + 1 : base + 1 + self.w[base]]
        return {task: self.get(task, lay.T_AT) for task in tasks}

    def mapped(self, task: int, page: int) -> bool:
        """Return whether a task's page tables map a page."""
        word = self.w[self.get(task, lay.T_PTE) + page // lay.PTE_BITS]
        return bool(word >> (page % lay.PTE_BITS) & 1)

    def share_line(self, page: int, *tasks: int) -> None:
        """Let tasks' cores share a page's line, the last of them its owner, free since time 0."""
        line = self.page_at(page)
        for task in tasks:
            core = self.get(task, lay.T_CORE)
            self.w[line + lay.L_MASK + core // lay.MASK_BITS] |= 1 << core % lay.MASK_BITS
            self.w[line + lay.L_OWN] = core << 2 | lay.SHARED

    def cpu(self, task: int, word: int) -> int:
        """Return a word of a task's CPU."""
        return self.w[self.get(task, lay.T_CPU) + word]

    def occupy_cpus(self) -> None:
        """Let the first task of every CPU run on it, as if it had begun."""
        for task in reversed(range(self.w[lay.H_TASKS])):
            cpu = self.get(task, lay.T_CPU)
            if cpu:
                self.w[cpu + lay.U_RUNNING] = task + 1
                self.w[cpu + lay.U_MM] = self.get(task, lay.T_HOME_MM)

    def fall_asleep(self, task: int, now: int) -> None:
        """Let a task look at a locked page, queue, look again, and sleep."""
        assert steps.advance(self.w, task, now) > now
        assert steps.advance(self.w, task, self.get(task, lay.T_CLOCK)) == lay.ASLEEP

    def own_line(self, task: int, page: int) -> None:
        """Let a task's core own a page's line, modified, free since time 0."""
        self.w[self.page_at(page) + lay.L_OWN] = self.get(task, lay.T_CORE) << 2 | lay.MODIFIED


def a_lab(
    *program: Step,
    threads: int = 1,
    order: int = 0,
    machine: Machine | None = None,
    workload: Workload | None = None,
    actors: tuple[ActorSetup, ...] = (),
    folio_order: int = 0,
    options: dict[str, bool] | None = None,
) -> Lab:
    """Return a World in which every task stands before the first of the given steps.

    Tasks have their CPUs, one each; if there are fewer CPUs, the first on each has it.
    """
    assembled = assemble((*program, STOP), options)
    setup = Setup(
        machine or a_machine(),
        workload or a_workload(),
        assembled,
        threads,
        order,
        None,
        seed=1,
        replication=0,
        actors=actors,
        folio_order=folio_order,
    )
    lab = Lab(assembled, build_world(setup).tolist())
    lab.occupy_cpus()
    return lab


# The test machine with every mechanism switched on: what engines must agree about.
BUSY_MACHINE = a_machine(
    cache_line={
        "hold_ps": 40_000,
        "arbitration_share_ppm": 300_000,
        "coalesce_ppm": 1_000_000,
        "prefetch_hidden_ppm": 700_000,
        "evict_after_ps": 3_000_000,
    },
    user={"read_page_cv_ppm": 300_000},
    memory={"bandwidth_per_socket_bytes_per_s": 6 * 10**9, "file_placement": "interleave"},
    smt={"user_slowdown_ppm": 1_600_000, "kernel_slowdown_ppm": 1_500_000},
    clock={"all_cores_hz": 2_700_000_000},
)
