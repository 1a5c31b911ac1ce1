"""What a trace of page faults says, as columns: who faulted when, where, and how."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from dessim.errors import UserError

MAX_FAULTS = 20_000_000
MAX_NAMES = 1_000_000
"""Of tasks, of files, and of mappings of a process: more are no trace of one machine."""
MAX_TIME_NS = 1 << 62
USER_TOP = 1 << 56
"""First address that no user page has: 57 bits of five-level page tables (x86-64)."""
PAGE_SHIFT = 12

READ, WRITE, EXEC, UNKNOWN_ACCESS = 0, 1, 2, 3
ANONYMOUS, UNKNOWN_BACKING = -1, -2
"""Numbers of files are 0 and more."""
TRACEPOINT, SOFTWARE, MINOR_OR_MAJOR = 0, 1, 2
"""Families of events: a fault that several of them recorded is there once in each."""

# arch/x86/include/asm/trap_pf.h (Linux 6.12): enum x86_pf_error_code
PF_WRITE, PF_USER, PF_INSTR = 1 << 1, 1 << 2, 1 << 4


class TraceError(UserError):
    """A trace that cannot be used as a whole."""


class BadFieldError(ValueError):
    """What is wrong with a line; whoever reads lines says which line it is."""


def access_of(error_code: int) -> int:
    """Return what kind of access faulted, from the error code of x86."""
    if error_code & PF_INSTR:
        return EXEC
    return WRITE if error_code & PF_WRITE else READ


@dataclass
class Task:
    """A thread of a trace.

    Attributes
    ----------
    tid : int
    pid : int
        Of its process; -1 if the trace does not say.
    comm : str
        Its name when it was seen last.
    faults : int
    """

    tid: int
    pid: int
    comm: str
    faults: int = 0


class Mappings:
    """What a process has mapped where, as MMAP2 records of perf say it.

    Records come in order of time, as faults do: what is mapped later hides what was there.
    """

    def __init__(self, other: Mappings | None = None) -> None:
        self._starts: list[int] = list(other._starts) if other else []
        self._ends: list[tuple[int, int, int]] = list(other._ends) if other else []

    def put(self, start: int, length: int, offset: int, file: int) -> None:
        """Note that ``length`` bytes from ``start`` on map a file from ``offset`` bytes on."""
        end = start + length
        place = bisect_right(self._starts, start)
        if place and self._ends[place - 1][0] > start:
            before = self._ends[place - 1]
            if before[0] > end:  # what is left behind it
                moved = before[1] + end - self._starts[place - 1]
                self._starts.insert(place, end)
                self._ends.insert(place, (before[0], moved, before[2]))
            self._ends[place - 1] = (start, before[1], before[2])
        last = place
        while last < len(self._starts) and self._starts[last] < end:
            if self._ends[last][0] > end:
                was = self._ends[last]
                self._ends[last] = (was[0], was[1] + end - self._starts[last], was[2])
                self._starts[last] = end
                break
            last += 1
        self._starts[place:last] = [start]
        self._ends[place:last] = [(end, offset, file)]
        if len(self._starts) > MAX_NAMES:
            raise BadFieldError("more than 1,000,000 mappings of one process")

    def find(self, address: int) -> tuple[int, int] | None:
        """Return file and offset in bytes of an address, or None if nothing is known of it."""
        place = bisect_right(self._starts, address) - 1
        if place < 0 or self._ends[place][0] <= address:
            return None
        _, offset, file = self._ends[place]
        return file, offset + address - self._starts[place]


@dataclass
class Counts:
    """What else is in a trace.

    Attributes
    ----------
    lines : int
    lost : int
        Events that the tracer says it lost.
    other_events : int
        Events that are no page faults.
    kernel_addresses : int
        Faults on addresses of the kernel, which are left out.
    without_address : int
        Faults of which the trace does not say where, which are left out.
    damaged : int
        Lines that could not be read, where that is allowed.
    """

    lines: int = 0
    lost: int = 0
    other_events: int = 0
    kernel_addresses: int = 0
    without_address: int = 0
    damaged: int = 0


@dataclass
class RecordedFaults:
    """Faults of a trace in the order of its lines, a column each.

    Attributes
    ----------
    task : array of int32
        Index in ``tasks``.
    time_ns : array of int64
    page : array of int64
        Number of the 4 KiB page: of the file, or of the address space.
    file : array of int32
        Index in ``files``; ``ANONYMOUS`` or ``UNKNOWN_BACKING``.
    kind : array of uint8
        Access | family << 2 | major << 4.
    tasks, files : list
    counts : Counts
    """

    task: array[int] = field(default_factory=lambda: array("i"))
    time_ns: array[int] = field(default_factory=lambda: array("q"))
    page: array[int] = field(default_factory=lambda: array("q"))
    file: array[int] = field(default_factory=lambda: array("i"))
    kind: array[int] = field(default_factory=lambda: array("B"))
    tasks: list[Task] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    _by_tid: dict[int | str, int] = field(default_factory=dict)
    _by_name: dict[str, int] = field(default_factory=dict)
    _mappings: dict[int, Mappings] = field(default_factory=dict)

    def task_of(self, tid: int, pid: int, comm: str) -> int:
        """Return the index of a thread; its name is the last that the trace gives it."""
        known = self._by_tid.get(tid)
        if known is None:
            if len(self.tasks) >= MAX_NAMES:
                raise BadFieldError("more than 1,000,000 tasks")
            known = self._by_tid[tid] = len(self.tasks)
            self.tasks.append(Task(tid, pid, comm))
        task = self.tasks[known]
        if comm:
            task.comm = comm
        if pid >= 0:
            task.pid = pid
        return known

    def file_of(self, name: str) -> int:
        """Return the index of a file."""
        known = self._by_name.get(name)
        if known is None:
            if len(self.files) >= MAX_NAMES:
                raise BadFieldError("more than 1,000,000 files")
            known = self._by_name[name] = len(self.files)
            self.files.append(name)
        return known

    def backing_of(self, name: str) -> int:
        """Return the index of what a mapping's name stands for: a file, or anonymous memory."""
        return ANONYMOUS if is_anonymous(name) else self.file_of(name)

    def mappings_of(self, pid: int) -> Mappings:
        """Return what a process has mapped."""
        found = self._mappings.get(pid)
        if found is None:
            found = self._mappings[pid] = Mappings()
        return found

    def fork(self, child: int, parent: int) -> None:
        """Note that a new process begins with the mappings of another."""
        if child != parent and parent in self._mappings:
            self._mappings[child] = Mappings(self._mappings[parent])

    def fault(
        self,
        task: int,
        time_ns: int,
        address: int,
        access: int,
        family: int,
        *,
        major: bool = False,
    ) -> None:
        """Add a fault at an address."""
        if address >= USER_TOP:
            self.counts.kernel_addresses += 1
            return
        page, file = address >> PAGE_SHIFT, UNKNOWN_BACKING
        if self._mappings:
            mappings = self._mappings.get(self.tasks[task].pid)
            found = mappings.find(address) if mappings else None
            if found is not None:
                file = found[0]
                page = page if file == ANONYMOUS else found[1] >> PAGE_SHIFT
        self.add(task, time_ns, page, file, access | family << 2 | major << 4)

    def add(self, task: int, time_ns: int, page: int, file: int, kind: int) -> None:
        """Add a fault on a page of a file, or of an address space."""
        if len(self.task) >= MAX_FAULTS:
            raise BadFieldError(
                "more than 20,000,000 faults: choose tasks with --comm or --pid, or cut the trace"
            )
        if not 0 <= time_ns < MAX_TIME_NS or not 0 <= page < 1 << 52:
            raise BadFieldError("an impossible time or address")
        self.task.append(task)
        self.time_ns.append(time_ns)
        self.page.append(page)
        self.file.append(file)
        self.kind.append(kind)
        self.tasks[task].faults += 1


def is_anonymous(name: str) -> bool:
    """Return whether a mapping's name is that of memory without a file."""
    return name.startswith(("//anon", "[", "anon_inode:", "/dev/zero", "/SYSV", "/memfd:"))
