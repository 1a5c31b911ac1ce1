"""Runs in which all pages are checked after every event, not only those that it may change."""

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.invariants import BrokenError, check_pages
from dessim.kernel.ops import OPS
from dessim.kernel.steps import advance
from dessim.kernel.world import Setup, build_world


class EndlessError(AssertionError):
    """A run that does not come to its end."""


def bugs(w: list[int]) -> int:
    """Return how often a BUG_ON found a page mapped."""
    return w[w[lay.H_COUNT] + lay.N_BUG1] + w[w[lay.H_COUNT] + lay.N_BUG1 + 1]


def watched_run(setup: Setup, most_events: int = 60_000) -> list[int]:
    """Run on the reference engine and check after every event; return the World at the end.

    Raises
    ------
    BrokenError
        With time and step of the event after which something does not hold.
    EndlessError
        If the run takes more than ``most_events``.
    """
    w = build_world(setup).tolist()
    events = 0

    def checked(w: list[int], task: int, now: int) -> int:
        nonlocal events
        events += 1
        if events > most_events:
            raise EndlessError(f"{most_events} events, and it is {now} ps")
        pc = w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC]
        then = advance(w, task, now)
        try:
            check_pages(w)
        except BrokenError as broken:
            step = OPS[w[w[lay.H_PROG] + pc * lay.I_WORDS + lay.I_OP]]
            raise BrokenError(f"{broken}, after {step} of task {task} at {now} ps") from None
        return then

    Reference(w, None, checked, check=False).run()
    return w
