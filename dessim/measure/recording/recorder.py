"""An observer around the kernel's ``advance``: it records what each event did.

It reads the World before and after each event and changes nothing, so that a recorded run is the
same as any other. The kernel knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dessim.kernel import layout as lay
from dessim.kernel.account_names import CAT_ASLEEP
from dessim.kernel.addressing import is_rwsem
from dessim.kernel.layout import World
from dessim.kernel.locks import sleeps
from dessim.kernel.operation import FAULT_BEGINS, FAULT_ENDS
from dessim.kernel.ops import OP_STOP, OPERATIONS
from dessim.kernel.steps import advance
from dessim.measure.recording.history import NO_RESOURCE, Recording, Span, TaskInfo
from dessim.measure.recording.holders import Before, Holders, before
from dessim.measure.recording.resources import Resources


class RecordingEnded(Exception):  # noqa: N818 - no error: the part that was asked for is over
    """Nothing more is to be recorded."""


class Recorder:
    """Records a run of one World.

    Parameters
    ----------
    w : list of int
        The World before its first event.
    tasks : sequence of TaskInfo
    listing : tuple of str
        Step of each program counter, in words.
    from_ps, until_ps : int, ps
        What is to be recorded; None: to the end.
    limit : int or None
        Spans after which recording ends.
    kernel : callable
        The kernel's ``advance``.
    """

    def __init__(
        self,
        w: World,
        tasks: Sequence[TaskInfo],
        listing: tuple[str, ...],
        from_ps: int = 0,
        until_ps: int | None = None,
        limit: int | None = None,
        kernel: Callable[[World, int, int], int] = advance,
    ) -> None:
        n = len(tasks)
        self.kernel, self.until_ps, self.limit, self.spans = kernel, until_ps, limit, 0
        self.resources = Resources(w)
        self.holders = Holders(self.resources)
        self.recording = Recording(
            list(tasks),
            w[lay.H_WORKERS],
            listing,
            [[] for _ in range(n)],
            [[] for _ in range(n)],
            self.resources.all,
            self.holders.wakes,
            from_ps,
        )
        self.records = [w[lay.H_TASK] + task * lay.T_WORDS for task in range(n)]
        self.end = [w[t + lay.T_CLOCK] for t in self.records]
        self.waits_for = [NO_RESOURCE] * n
        self.category = [0] * n
        self.asleep = [False] * n
        self.spins = [False] * n
        self.pc = [0] * n
        self.now = 0

    def advance(self, w: World, task: int, now: int) -> int:
        """Carry out one event of a task by the kernel's ``advance`` and record it.

        Raises
        ------
        RecordingEnded
            At the end of what is to be recorded.
        """
        if self.limit is not None and self.spans >= self.limit:
            self.recording.full = True
            self.until_ps = now
        if self.until_ps is not None and now >= self.until_ps:
            raise RecordingEnded
        t, self.now = self.records[task], now
        self.catch_up(w, task, now)
        waited, self.waits_for[task] = self.waits_for[task], NO_RESOURCE
        self.asleep[task] = self.spins[task] = False
        pc = self.pc[task] = w[t + lay.T_PC]
        i = w[lay.H_PROG] + pc * lay.I_WORDS
        was = before(w, self.resources, t, i)
        account = w[t + lay.T_ACCOUNT : t + lay.T_ACCOUNT + lay.N_CATEGORIES]
        account[w[t + lay.T_WAIT]] += max(0, now - w[t + lay.T_CLOCK])  # recorded already
        events = w[lay.H_EVENTS]
        following = self.kernel(w, task, now)
        self.work(w, task, account)
        if w[lay.H_EVENTS] != events:
            self.carried_out(w, task, was, now, following)
        elif w[t + lay.T_QUEUED]:
            assert was.line != NO_RESOURCE, f"a wait for no known line: {self.pc[task]}"
            self.waits_for[task] = was.line
        if waited != self.waits_for[task]:
            self.queue(waited, now, -1)
            self.queue(self.waits_for[task], now, 1)
        self.category[task] = w[t + lay.T_WAIT]
        return following

    def queue(self, resource: int, now: int, by: int) -> None:
        """Note that a task begins or ends to wait."""
        if resource != NO_RESOURCE:
            self.resources.all[resource].wait(now, by)

    def carried_out(self, w: World, task: int, was: Before, now: int, following: int) -> None:
        """Note what a step has changed and what the task waits for now."""
        t = self.records[task]
        i = w[lay.H_PROG] + self.pc[task] * lay.I_WORDS
        operation = OPERATIONS[w[i + lay.I_OP]]
        went_on = following != lay.ASLEEP
        self.holders.after(w, task, was, now, went_on=went_on)
        self.holders.cpus(w, task, was)
        if operation.latency == FAULT_BEGINS:
            self.recording.faults[task].append((w[t + lay.T_FAULT_AT], None))
        elif operation.latency == FAULT_ENDS and self.recording.faults[task]:
            begin, _ = self.recording.faults[task].pop()
            if w[t + lay.T_CLOCK] > self.recording.from_ps:
                self.recording.faults[task].append((begin, w[t + lay.T_CLOCK]))
        if went_on:
            return
        if operation.waits_for == lay.WAITS_FOR_LOCK:
            self.waits_for[task] = was.lock
            rwsem = is_rwsem(w, w[i + lay.I_A])
            self.spins[task] = bool(rwsem and w[t + lay.T_WAIT] != CAT_ASLEEP)
            self.asleep[task] = bool(sleeps(w[i + lay.I_A])) and not self.spins[task]
        elif operation.waits_for == lay.WAITS_FOR_PAGE:
            self.waits_for[task] = self.resources.page_lock(was.page)
            self.asleep[task] = True
        elif operation.waits_for == lay.WAITS_FOR_CPU:
            self.waits_for[task] = self.resources.cpu(w, t)
        elif operation.waits_for == lay.WAITS_FOR_DEVICE:
            self.waits_for[task] = self.resources.device()

    # --- time -----------------------------------------------------------------------------------

    def work(self, w: World, task: int, account: Sequence[int]) -> None:
        """Record what the event has accounted, category by category."""
        t = self.records[task]
        for category, ps in enumerate(account):
            more = w[t + lay.T_ACCOUNT + category] - ps
            if more:
                self.span(task, self.end[task] + more, category, NO_RESOURCE)

    def catch_up(self, w: World, task: int, now: int) -> None:
        """Record how a task has waited since its last event.

        Who was asleep waits until it is made ready, and then for its CPU. Who spun may have been
        sent to sleep by somebody else's event: its own record has the time.
        """
        t = self.records[task]
        self.end[task] = max(self.end[task], w[t + lay.T_START])  # before, it was not there
        resource, category = self.waits_for[task], self.category[task]
        if self.spins[task] and w[t + lay.T_WAIT] != category:
            self.span(task, min(w[t + lay.T_TRIES], now), category, resource)
            self.spins[task], self.asleep[task], category = False, True, CAT_ASLEEP
        if self.asleep[task] and w[t + lay.T_CPU]:
            self.span(task, min(w[t + lay.T_CLOCK], now), category, resource)
            resource = self.resources.cpu(w, t)
        self.span(task, now, w[t + lay.T_WAIT], resource)

    def span(self, task: int, end_ps: int, category: int, resource: int) -> None:
        """Record that a task has spent its time up to ``end_ps`` in a category."""
        begin_ps, record = max(self.end[task], self.recording.from_ps), self.recording
        self.end[task] = max(self.end[task], end_ps)
        if end_ps <= begin_ps:
            return
        own, pc = record.spans[task], self.pc[task]
        if own and own[-1][2:] == (category, pc, resource) and own[-1].end_ps == begin_ps:
            own[-1] = own[-1]._replace(end_ps=end_ps)
            return
        own.append(Span(begin_ps, end_ps, category, pc, resource))
        self.spans += 1

    def finish(self, w: World, *, complete: bool, error: str = "") -> Recording:
        """Return the recording, cut off where it ended.

        Parameters
        ----------
        complete : bool
            Whether the run came to its end.
        error : str
            Why it ended before.
        """
        record = self.recording
        record.complete, record.error = complete, error
        if complete:
            record.until_ps = max(self.end)
            return record
        until_ps = record.until_ps = self.now if self.until_ps is None or error else self.until_ps
        for task in range(len(self.records)):
            i = w[lay.H_PROG] + self.pc[task] * lay.I_WORDS
            if w[i + lay.I_OP] != OP_STOP:
                self.catch_up(w, task, until_ps)
            own = record.spans[task]
            while own and own[-1].begin_ps >= until_ps:
                own.pop()
            if own and own[-1].end_ps > until_ps:
                own[-1] = own[-1]._replace(end_ps=until_ps)
        return record
