"""What may follow a step in a program, as far as its cost and its place in time depend on it."""

from dessim.kernel import layout as lay
from dessim.kernel.operation import FAULT_ENDS, NO_LATENCY, WAIT_ENDS, Operation
from dessim.kernel.ops import OPERATIONS


def comes_back(rows: list[list[int]], place: int) -> int:
    """Return 1 if the step and a later one, before the cursor moves, use the same page's line.

    Straight on only: a branch not taken is as likely to come back as one taken.
    """
    if _operation(rows[place]).line != lay.PAGE_LINE:
        return 0
    for _ in range(len(rows)):
        place = rows[place][lay.I_NEXT]
        operation = _operation(rows[place])
        if operation.line == lay.PAGE_LINE:
            return 1
        if operation.leaves_page:
            return 0
    return 0


def _operation(row: list[int]) -> Operation:
    return OPERATIONS[row[lay.I_OP]]


def latency_part(row: list[int]) -> tuple[bool, bool]:
    """Return whether an instruction touches the task's latency, and whether it ends one."""
    latency = _operation(row).latency
    return latency != NO_LATENCY, latency in (FAULT_ENDS, WAIT_ENDS)


def share_latencies(rows: list[list[int]]) -> None:
    """Make steps shared that would begin or end a latency while an earlier one may still be due.

    A latency that has ended is recorded at the task's next shared step, and a task remembers only
    one (``accounting.end_latency``). In programs that have a shared step in between, as all shipped
    ones do, nothing changes.
    """
    for first in (row for row in rows if latency_part(row)[1]):
        reached, seen = [first[lay.I_NEXT], first[lay.I_TARGET]], set[int]()
        while reached:
            place = reached.pop()
            row = rows[place]
            if place in seen or row[lay.I_PRIVATE] == lay.PRIVATE_NEVER:
                continue
            seen.add(place)
            if latency_part(row)[0]:
                row[lay.I_PRIVATE] = lay.PRIVATE_NEVER
            else:
                reached += row[lay.I_NEXT], row[lay.I_TARGET]
