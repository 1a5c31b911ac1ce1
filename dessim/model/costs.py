"""The costs of a machine that are work of one CPU: each is declared here, and nowhere else.

A cost is a field of a section of the profile. Its name is the key, its docstring the meaning, its
type the unit; the mark `Cost` says how it scales and which time it is. From these follow the keys
and the JSON Schema of a profile, the cost table of a World (`dessim.kernel.cost_table`), the
category of a step that pays it, the names in a program and what `dessim explain` cuts.

A cost that a profile may leave out has a value here and the mark `Default`, which says where that
value comes from. Costs without one differ so much between machines that any number would be a guess
about the very thing that is asked: a profile has to name them.

Costs of cache lines by distance, of memory and of hand-overs stand in `dessim.model.machine`. The
three that a workload sets are marked in `dessim.model.workload`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dessim.model.devices import PROFILES as DEVICES
from dessim.model.fields import (
    Count,
    Flag,
    Model,
    PositiveTime,
    Ratio,
    Time,
    Unit,
    refuse,
    submodel,
    yaml_key,
)
from dessim.model.provenance import FREE, Default, default_of
from dessim.model.units import RATE


@dataclass(frozen=True, slots=True)
class Cost:
    """Mark of a field whose number stands in the cost table of a World.

    Attributes
    ----------
    category : str
        Category of time of a step's own work; empty: that of the step that pays it.
    group : str
        What `dessim explain` cuts it with; the category if empty.
    name : str
        In programs and in the cost table; the field's key if empty.
    clock : bool
        Whether it takes longer when more cores are busy and the clock is slower. Not so for what
        waits for memory, nor for what runs alone.
    smt : "kernel", "user" or "none"
        The slow-down by a busy SMT sibling.
    needs : "", "page_cache" or "thread_creation"
        What has to happen in a workload for it to be paid at all.
    drawn : bool
        Whether it is the mean of a distribution: engines bound its product with a quantile.
    of_bytes : bool
        Whether it is for the bytes of a page of 4 KiB, and grows with the machine's page.
    """

    category: str = ""
    group: str = ""
    name: str = ""
    clock: bool = True
    smt: Literal["kernel", "user", "none"] = "kernel"
    needs: Literal["", "page_cache", "thread_creation"] = ""
    drawn: bool = False
    of_bytes: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A cost as it was found in a model.

    Attributes
    ----------
    name : str
    path : str
        Dotted, as in a profile: `kernel.find_vma`.
    attributes : tuple of str
        The way to its number: `kernel`, `find_vma_ps`.
    group : str
    cost : Cost
    meaning : str
    default : Default or None
    required : bool
    """

    name: str
    path: str
    attributes: tuple[str, ...]
    group: str
    cost: Cost
    meaning: str
    default: Default | None
    required: bool

    def ps(self, model: Model) -> int:
        """The number of a model, as it stands there."""
        value: object = model
        for name in self.attributes:
            value = getattr(value, name)
        assert isinstance(value, int), self.path
        return value


def declared(model: type[Model], way: tuple[str, ...] = ()) -> Iterator[Declared]:
    """All costs of a model and its sections, in order of declaration."""
    for attribute, field in model.model_fields.items():
        inner = submodel(field)
        if inner is not None:
            yield from declared(inner, (*way, attribute))
        for cost in (item for item in field.metadata if isinstance(item, Cost)):
            yield Declared(
                name=cost.name or yaml_key(attribute),
                path=".".join(yaml_key(name) for name in (*way, attribute)),
                attributes=(*way, attribute),
                group=cost.group or cost.category,
                cost=cost,
                meaning=" ".join((field.description or "").split()),
                default=default_of(field),
                required=field.is_required(),
            )


WORK_CV = Default(
    "derived",
    "of 6,124 faults in a row of two threads, from exceptions:page_fault_user to"
    " kmem:mm_page_alloc: median 961 ns, quartiles 951 and 981, 5 and 95 % 941 and 1,272, 99 %"
    " 1,832; without the slowest 0.5 % the coefficient of variation is 0.08 and 0.18, of the time"
    " from there to the next fault 0.38 and 0.41; both times of a fault correlate by 0.03 and 0.27:"
    " parts of a fault vary nearly independently, by 0.1 or more, and a part is some six steps:"
    " 0.1 sqrt(6)",
    source="perf trace of a page-fault loop, Linux 6.18, x86-64 virtual machine of 2 CPUs",
    low=50_000,
    high=500_000,
)
LEAVE = Default(
    "derived",
    "one lock and one list removal (finish_wait), of the two locked operations and an insertion of"
    " page_lock_sleep: half of the 125 ns assumed for them on Ivy Bridge-EX",
    source="Linux 3.14 kernel/sched/wait.c: finish_wait",
    low=30_000,
    high=150_000,
)
KEY = Default(
    "estimated",
    "wake_bit_function compares three words of the waiter's entry, which lies on its stack: a"
    " line that its CPU wrote last. 2 ns if this CPU has read it before, 140 ns from another"
    " socket; in the middle a line from the own L3 or a neighbour's cache",
    source="Linux 3.14 kernel/sched/wait.c: wake_bit_function, __wake_up_common",
    low=2_000,
    high=150_000,
)
SLICE = Default("recalled", "CFS with few threads on a CPU", low=3_000_000_000, high=12_000_000_000)

MAPPED = "clock_gettime around each call, Linux 6.18, x86-64 virtual machine of 2 CPUs, 400 calls"
MAP_STACK = Default(
    "estimated",
    "of 8 MiB, PROT_NONE: median 1.20 and 1.70 us, 10 and 90 % 1.16 and 2.0, with some 0.2 us of"
    " system call and clock, which mmap_sem does not cover; Linux of 2014 has a red-black tree",
    source=MAPPED,
    low=500_000,
    high=2_000_000,
)
PROTECT_GUARD = Default(
    "estimated",
    "of all but the guard page, which splits the mapping: median 2.1 and 3.0 us, 10 and 90 % 1.8"
    " and 6.2, with some 0.2 us of system call and clock",
    source=MAPPED,
    low=700_000,
    high=3_000_000,
)
MAP_FILE = Default(
    "estimated",
    "of 16 GiB, MAP_SHARED: median 1.9 and 2.8 us, 10 and 90 % 1.7 and 4.5, with some 0.2 us of"
    " system call and clock",
    source=MAPPED,
    low=800_000,
    high=3_000_000,
)


class KernelCosts(Model):
    """Work of one CPU in the kernel, without the cache-line costs that the model adds itself."""

    exception_entry_ps: Annotated[Time, Cost("entry_exit", group="exception")]
    """From the faulting instruction to the first instruction of the handler."""
    exception_exit_ps: Annotated[Time, Cost("entry_exit", group="exception")]
    """Return from the exception (IRET)."""
    find_vma_ps: Annotated[Time, Cost("entry_exit")]
    """Look up the VMA of an address."""
    walk_page_table_ps: Annotated[Time, Cost("entry_exit")]
    """Walk from the mm's top table to the pmd and read the pte."""
    alloc_page_table_ps: Annotated[Time, Cost("page_table")]
    """Allocate and zero a page-table page of 4 KiB; what a larger page has more is zeroed at
    `frames.zero_page`."""
    fault_around_setup_ps: Annotated[Time, Cost("lookup")]
    """Compute the window and start the walk over it."""
    slow_path_ps: Annotated[Time, Cost("lookup")]
    """find_get_page and __do_fault besides their RMWs: the fault without fault-around."""
    lookup_descent_ps: Annotated[Time, Cost("lookup")]
    """Radix walk from the root of the page-cache tree to a leaf."""
    lookup_slot_ps: Annotated[Time, Cost("lookup")]
    """Next slot within one walk."""
    indirect_call_ps: Annotated[Time, Cost("lookup")]
    """Call through a function pointer and back."""
    page_checks_ps: Annotated[Time, Cost("map")]
    """uptodate, mapping, index and i_size of one page."""
    rmap_ps: Annotated[Time, Cost("map")]
    """page_add_file_rmap bookkeeping besides the RMW on the mapcount."""
    set_pte_ps: Annotated[Time, Cost("map")]
    """Build and store one pte."""
    lock_local_ps: Annotated[Time, Cost()]
    """Uncontended spinlock overhead besides the RMW, per operation."""
    unlock_page_ps: Annotated[Time, Cost("page_lines")]
    """Find and read the wait queue at unlock_page."""
    teardown_per_pte_ps: Annotated[Time, Cost(group="teardown", clock=False, smt="none")]
    """Unmap one pte at exit."""
    teardown_per_table_ps: Annotated[Time, Cost(group="teardown", clock=False, smt="none")]
    """Free one page-table page at exit."""
    thread_start_ps: Time
    """Interval between the creation of two threads, with mmap and mprotect of a stack; excludes
    waiting where that is modelled (`start: pthread_create`)."""
    map_stack_ps: Annotated[Time, Cost("mmap_lock", needs="thread_creation"), MAP_STACK] = 1_000_000
    """mmap of a thread's stack, with mmap_sem held for writing."""
    protect_guard_ps: Annotated[Time, Cost("mmap_lock", needs="thread_creation"), PROTECT_GUARD] = (
        1_800_000
    )
    """mprotect of the stack's guard page, with mmap_sem held for writing."""
    map_file_ps: Annotated[Time, Cost("mmap_lock", needs="thread_creation"), MAP_FILE] = 1_600_000
    """mmap of the file, with mmap_sem held for writing."""
    process_exit_ps: Annotated[Time, Cost("teardown", clock=False, smt="none")]
    """Fixed cost of the end of a process."""
    page_lock_sleep_ps: Annotated[Time, Cost("page_lock", group="sleep")]
    """Queue for a locked page, up to the second look at its lock: then the task sleeps."""
    page_lock_leave_ps: Annotated[Time, Cost("page_lock", group="sleep"), LEAVE] = 60_000
    """Leave the wait queue without having slept, or having slept in vain."""
    wakeup_ps: Annotated[Time, Cost(group="sleep")]
    """From the wake-up to the moment when the woken thread runs."""
    wake_walk_ps: Annotated[Time, Cost(group="sleep")]
    """Paid by the unlocker per woken waiter, besides reading its entry."""
    wake_read_ps: Annotated[Time, Cost(group="sleep"), KEY] = 40_000
    """Paid by the unlocker per entry of the wait queue that it reads, other pages' included."""
    context_switch_ps: Annotated[Time, Cost(group="sleep")]
    """Switch of a CPU to another thread."""
    time_slice_ps: Annotated[PositiveTime, SLICE] = 4_000_000_000
    """How long a thread keeps its CPU while others want it; checked in user mode."""
    add_to_page_cache_ps: Annotated[Time, Cost(needs="page_cache"), FREE] = 0
    """Allocate a page and insert it into the page cache."""
    remove_from_page_cache_ps: Annotated[Time, Cost(needs="page_cache"), FREE] = 0
    """Delete a page from the page cache, besides its locks and RMWs."""
    clear_pte_ps: Annotated[Time, Cost(needs="page_cache"), FREE] = 0
    """Find and clear one pte of another mapping, besides its line."""

    work_cv_ppm: Annotated[Ratio, Field(le=1_000_000), WORK_CV] = 250_000
    """Coefficient of variation of a step's own work (lognormal); 0 makes it constant."""


class UserCosts(Model):
    """Work of one CPU in user mode on a page once mapped."""

    read_page_dram_ps: Annotated[Time, Cost(clock=False, smt="user", drawn=True, of_bytes=True)]
    """Read all words of a 4 KiB page from local DRAM."""
    read_page_l3_ps: Annotated[Time, Cost(smt="user", drawn=True, of_bytes=True)]
    """The same for a page that the socket read recently."""
    read_page_cv_ppm: Ratio
    """Coefficient of variation of a page read."""
    touch_word_ps: Annotated[Time, Cost(clock=False, smt="user")]
    """First access to one word of a page, from DRAM."""
    random_word_ps: Annotated[Time, Cost(clock=False, smt="user")]
    """One random word of a large mapping, besides the page walk (`tlb.page_walk`)."""


class Tlb(Model):
    """Translation look-aside buffers of a core, and what flushing them costs. No entries: free."""

    l1_entries: Annotated[int, Field(strict=True, ge=0, le=1 << 16)] = 0
    """Entries of the first level for pages of the machine's size; 0: translation costs nothing."""
    l1_ways: Annotated[Count, Field(le=1 << 16)] = 4
    """Associativity of the first level."""
    l2_entries: Annotated[int, Field(strict=True, ge=0, le=1 << 16)] = 0
    """Entries of the second level."""
    l2_ways: Annotated[Count, Field(le=1 << 16)] = 4
    """Associativity of the second level."""
    l2_hit_ps: Annotated[Time, Cost(name="tlb_l2_hit"), FREE] = 0
    """First-level miss that hits the second."""
    page_walk_ps: Annotated[Time, Cost(smt="none"), FREE] = 0
    """Miss in both levels, the page tables in the caches. A walk whose ptes the L3 could not keep
    takes `memory.local` longer (`dessim.kernel.walk_misses`)."""
    page_walkers: Annotated[Count, Field(le=16)] = 2
    """Walks that a core can have in progress; if it has more SMT siblings, they take turns.
    Intel: one, and two since Broadwell."""
    invlpg_ps: Annotated[Time, Cost(), FREE] = 0
    """Flush one page on the own CPU."""
    flush_all_ps: Annotated[Time, Cost(), FREE] = 0
    """Flush everything on the own CPU."""
    flush_ceiling_pages: Annotated[int, Field(strict=True, ge=0, le=1 << 28)] = 33
    """Number of pages above which everything is flushed instead of page by page."""
    ipi_base_ps: Annotated[Time, Cost(), FREE] = 0
    """Shootdown, initiator: send the first interrupt and wait for its answer."""
    ipi_per_cpu_ps: Annotated[Time, Cost(), FREE] = 0
    """Shootdown, initiator: cost per interrupted CPU."""
    ipi_handler_ps: Annotated[Time, Cost(), FREE] = 0
    """Shootdown, each interrupted CPU: handler, including entry and exit."""
    pcid: Flag = False
    """Whether a switch to another mm keeps the TLB."""
    contiguous_bit: Flag = False
    """Whether ptes have a contiguous bit (arm64), with which one entry translates a block of them:
    64 KiB of pages of 4 KiB, 2 MiB of others. Option `contpte` of `linux_*` uses it."""

    @model_validator(mode="after")
    def _check(self) -> Tlb:
        for level in ("l1", "l2"):
            entries, ways = getattr(self, f"{level}_entries"), getattr(self, f"{level}_ways")
            if entries and entries % ways:
                text = f"{entries} entries are not a whole number of sets of {ways} ways"
                raise refuse([((f"{level}_entries",), text)])
        if bool(self.l1_entries) != bool(self.l2_entries):
            raise refuse([(("l2_entries",), "both levels need entries, or neither")])
        return self


class Device(Model):
    """What reads pages that are not in the page cache.

    The ceilings hold for workloads that name an `advice`; those that read page by page know only
    latency and depth.
    """

    profile: Literal["", "nvme_pm1733", "cloud_volume", "disk"] = ""
    """A device of `dessim.model.devices`, which supplies every key that you leave out."""
    read_latency_ps: Annotated[
        Time, Cost(name="device_read", clock=False, smt="none", drawn=True), FREE
    ] = 0
    """Mean time of one read of a page; 0 means no device."""
    read_latency_cv_ppm: Ratio = 0
    """Coefficient of variation of a read, and of a write (lognormal)."""
    queue_depth: Annotated[Count, Field(le=1024)] = 1
    """Commands that one device serves in parallel."""
    read_iops: Annotated[int, Field(strict=True, ge=0, le=10**9)] = 0
    """Ceiling of one device in reads per second; 0 means none."""
    read_bandwidth_bytes_per_s: Annotated[int, Unit(RATE)] = 0
    """Ceiling of one device in bytes read per second; 0 means none."""
    write_latency_ps: Annotated[
        Time, Cost(name="device_write", clock=False, smt="none", drawn=True), FREE
    ] = 0
    """Mean time of a write of a page."""
    write_iops: Annotated[int, Field(strict=True, ge=0, le=10**9)] = 0
    """Ceiling of one device in writes per second; 0 means none."""
    write_bandwidth_bytes_per_s: Annotated[int, Unit(RATE)] = 0
    """Ceiling of one device in bytes written per second; 0 means none."""
    devices: Annotated[Count, Field(le=64)] = 1
    """Number of equal devices that form one (RAID 0)."""
    stripe_pages: Annotated[Count, Field(le=1 << 20)] = 128
    """Pages on one of several devices before the next one; the default is md's 512 KiB."""

    @model_validator(mode="before")
    @classmethod
    def _take_from_profile(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("profile") not in DEVICES:
            return data
        row = DEVICES[data["profile"]].fields
        names = {yaml_key(name): name for name in cls.model_fields}
        left = {key: value for key, value in row.items() if names[key] not in data}
        return {**left, **data}


COMMAND_FIELDS = tuple(
    name
    for name in Device.model_fields
    if name not in ("profile", "read_latency_ps", "read_latency_cv_ppm", "queue_depth")
)
"""What is asked of a device only where it serves commands: by others as if it did not exist."""
