"""What may follow a step in a program, as far as its cost and its place in time depend on it."""

from dessim.kernel import layout as lay

PAGE_LINE = frozenset(
    (
        "add",
        "trylock_page",
        "unlock_page",
        "wait_on_page",
        "when_flags",
        "lock_page",
        "set_flags",
        "when_mapped",
        "bug_on",
        "when_frozen",
        "add_folio_refs",
    )
)
MOVES_CURSOR = frozenset(
    (
        "window",
        "next_page",
        "next_in_folio",
        "next_folio",
        "next_in_range",
        "pick_touched",
        "next_in_table",
        "next_table",
        "to_head",
        "from_head",
        "next_access",
        "fault_end",
        "finish",
        "stop",
    )
)


def comes_back(rows: list[list[int]], place: int) -> int:
    """Return 1 if the step and a later one, before the cursor moves, use the same page's line.

    Straight on only: a branch not taken is as likely to come back as one taken.
    """
    if lay.OPS[rows[place][lay.I_OP]] not in PAGE_LINE:
        return 0
    for _ in range(len(rows)):
        place = rows[place][lay.I_NEXT]
        op = lay.OPS[rows[place][lay.I_OP]]
        if op in PAGE_LINE:
            return 1
        if op in MOVES_CURSOR:
            return 0
    return 0


def latency_part(row: list[int]) -> tuple[bool, bool]:
    """Return whether an instruction touches the task's latency, and whether it ends one."""
    op = lay.OPS[row[lay.I_OP]]
    if op == "think":
        return row[lay.I_A] < 2, row[lay.I_A] == 1
    return op in ("fault_begin", "fault_end"), op == "fault_end"


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
