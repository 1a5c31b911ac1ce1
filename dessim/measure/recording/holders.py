"""Who holds what: followed from event to event, outside the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from dessim.kernel import layout as lay
from dessim.kernel.addressing import bucket_at, is_rwsem, own_lock, page_at, rwsem_at
from dessim.kernel.layout import World
from dessim.kernel.ops import OP_STOP, OPERATIONS
from dessim.measure.recording.history import DEVICE_QUEUE, NO_RESOURCE, Resource, Wake
from dessim.measure.recording.resources import Resources

RELEASING = (lay.DROPS_LOCK, lay.DOWNGRADES_LOCK)
LOCKING = (lay.TAKES_LOCK, *RELEASING)
FOR_DEVICE = (lay.LOCKS_PAGE_FOR_DEVICE, lay.LOCKS_NEXT_FOR_DEVICE)
PAGE_LOCKING = (lay.TAKES_PAGE, lay.DROPS_PAGE, lay.MAY_LOCK_PAGE, lay.LOCKS_PAGE_FOR_DEVICE)


@dataclass
class Before:
    """What an event may change, as it was before.

    Attributes
    ----------
    locking : int
        What the step does with locks: ``TAKES_LOCK``, …
    line, lock : int
        Resources that the step asks for, or NO_RESOURCE.
    page : int
        Page under the cursor.
    locked : dict
        Page -> whether it is locked, for the pages whose lock the step may take or drop.
    waiters : list of int
        Tasks in the queue of a lock that is dropped, or asleep on a page that is unlocked.
    cpu, running : int
        The task's CPU record and who has it.
    rwsem : int
        Where the words of the lock begin that an rwsem has besides its lock record, or 0.
    """

    locking: int
    line: int
    lock: int
    page: int
    cpu: int
    running: int
    locked: dict[int, int] = field(default_factory=dict)
    waiters: list[int] = field(default_factory=list)
    rwsem: int = 0


def _queue(w: World, head: int) -> list[int]:
    """Tasks of a queue, given its first task + 1."""
    return _followed(w, head, lay.T_NEXT)


def _followed(w: World, head: int, following: int) -> list[int]:
    """Tasks of a queue, each of which names the next one in the word ``following``."""
    found = []
    while head:
        found.append(head - 1)
        head = w[w[lay.H_TASK] + (head - 1) * lay.T_WORDS + following]
    return found


def _locked(w: World, page: int) -> int:
    return w[page_at(w, page) + lay.P_FLAGS] & lay.FLAG_LOCKED


def before(w: World, resources: Resources, t: int, i: int) -> Before:
    """Note what the step at instruction ``i`` of the task at record ``t`` may change."""
    locking = OPERATIONS[w[i + lay.I_OP]].locking
    page, cpu = w[t + lay.T_CURSOR], w[t + lay.T_CPU]
    line = resources.line(w, t, i) if w[i + lay.I_TIMED] else NO_RESOURCE
    found = Before(locking, line, NO_RESOURCE, page, cpu, w[cpu + lay.U_RUNNING] if cpu else 0)
    if locking in LOCKING and not own_lock(w, t, w[i + lay.I_A]):
        found.lock = resources.lock(w, t, w[i + lay.I_A])
        if locking != lay.TAKES_LOCK:
            found.waiters = _queue(w, w[resources.places[found.lock] + lay.K_HEAD])
        if is_rwsem(w, w[i + lay.I_A]):
            found.rwsem = rwsem_at(w, t, w[i + lay.I_A])
    elif locking in PAGE_LOCKING:
        found.locked[page] = _locked(w, page)
        if locking == lay.DROPS_PAGE:
            queued = _followed(w, w[bucket_at(w, page)], lay.T_PAGE_NEXT)
            found.waiters = [f for f in queued if _waits_for(w, f) == page and _sleeps(w, f)]
    elif locking == lay.LOCKS_NEXT_FOR_DEVICE:
        first = page + w[lay.H_FOLIO]
        last = min(first + w[lay.H_READAHEAD], w[lay.H_PAGES])
        heads = range(first, last, w[lay.H_FOLIO])
        found.locked = {ahead: _locked(w, ahead) for ahead in heads}
    return found


def _stops(w: World, task: int) -> bool:
    """Return whether a task's next step is its end."""
    pc = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]
    return w[w[lay.H_PROG] + pc * lay.I_WORDS + lay.I_OP] == OP_STOP


def _waits_for(w: World, task: int) -> int:
    return w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_WAIT_PAGE]


def _sleeps(w: World, task: int) -> bool:
    looks: int = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_LOOKS]
    return looks == lay.SLEEPS_ON_PAGE


class Holders:
    """Follows locks, lines, pages and CPUs.

    Parameters
    ----------
    resources : Resources
    """

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.wakes: list[Wake] = []

    def after(self, w: World, task: int, was: Before, now: int, *, went_on: bool) -> None:
        """Note what a step that was carried out at ``now`` has changed.

        Parameters
        ----------
        went_on : bool
            Whether the task goes on: it did not have to wait for the lock that it asked for.
        """
        done = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_CLOCK]
        known = self.resources.all
        if was.line != NO_RESOURCE:
            self._line(w, known[was.line], task, now)
        if was.locking == lay.TAKES_LOCK and was.lock != NO_RESOURCE and went_on:
            lock = known[was.lock]
            lock.held(now, (*lock.holders, task))
        elif was.locking in RELEASING and was.lock != NO_RESOURCE:
            self._unlock(w, task, was, now, done)
        elif was.locking == lay.DROPS_PAGE:
            self._unlock_page(w, task, was, done)
        elif was.locking == lay.LOCKED_BY_DEVICE and went_on and not _stops(w, task):
            page = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_CURSOR]
            known[self.resources.page_lock(page)].held(now, (task,))
        else:
            for page, locked in was.locked.items():
                if _locked(w, page) != locked:
                    reads = was.locking in FOR_DEVICE
                    holder = DEVICE_QUEUE if reads else task
                    held = (holder,) if not locked else ()
                    known[self.resources.page_lock(page)].held(now, held)

    def _line(self, w: World, line: Resource, task: int, now: int) -> None:
        """The line is granted; who rides on the same transfer has it when the first is done."""
        last = line.changes[-1] if line.changes else None
        if last is not None and last.at_ps == now and last.holders != (task,):
            both = (*last.holders, task)
            clocks = [w[w[lay.H_TASK] + f * lay.T_WORDS + lay.T_CLOCK] for f in both]
            now = max(now, min(clocks))
        line.held(now, (task,))

    def _unlock(self, w: World, task: int, was: Before, now: int, done: int) -> None:
        lock = self.resources.all[was.lock]
        stays = was.locking == lay.DOWNGRADES_LOCK
        left = [holder for holder in lock.holders if holder != task or stays]
        queue = _queue(w, w[self.resources.places[was.lock] + lay.K_HEAD]) if was.waiters else []
        # a writer that was woken has to take the lock itself
        awake = w[was.rwsem + lay.R_AWAKE] - 1 if was.rwsem else -1
        granted = [f for f in was.waiters if f not in queue and f != awake]
        lock.held(done if granted else now, (*left, *granted))
        if granted:
            self.resources.all[was.line].held(done, (granted[-1],))
        self.wakes += [Wake(done, task, f, was.lock) for f in granted]

    def _unlock_page(self, w: World, task: int, was: Before, done: int) -> None:
        number = self.resources.page_lock(was.page)
        woken = [f for f in was.waiters if _waits_for(w, f) != was.page]
        handed = _locked(w, was.page)
        lucky = [f for f in woken if w[w[lay.H_TASK] + f * lay.T_WORDS + lay.T_EXCLUSIVE]]
        self.resources.all[number].held(done, tuple(lucky[:1]) if handed else ())
        self.wakes += [Wake(done, task, f, number) for f in woken]

    def cpus(self, w: World, task: int, was: Before) -> None:
        """Note who has the CPUs that the event may have given away."""
        t = w[lay.H_TASK] + task * lay.T_WORDS
        if was.cpu and w[was.cpu + lay.U_RUNNING] != was.running:
            self._cpu(w, t, w[t + lay.T_CLOCK])
        base = w[lay.H_WOKEN]
        for other in w[base + 1 : base + 1 + w[base]]:
            o = w[lay.H_TASK] + other * lay.T_WORDS
            if w[o + lay.T_CPU]:
                self._cpu(w, o, max(w[o + lay.T_CLOCK], w[t + lay.T_CLOCK]))

    def _cpu(self, w: World, t: int, at_ps: int) -> None:
        running = w[w[t + lay.T_CPU] + lay.U_RUNNING]
        cpu = self.resources.all[self.resources.cpu(w, t)]
        cpu.held(at_ps, (running - 1,) if running else ())
