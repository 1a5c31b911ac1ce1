"""Steps from which a program never comes to its end, whatever its conditions say.

A task that comes there goes round for ever, and time with it. A loop with a way out that is never
taken is another matter: that only shows when it runs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.kernel.ops import OP_STOP, OPERATIONS


def find_endless(program: Program) -> str:
    """Return from where no way leads to the end of a program.

    Parameters
    ----------
    program : Program
        Of a thread or an actor.

    Returns
    -------
    str
        The step, and what to do; empty if from each step that can be reached one does.
    """
    words, size = program.words, lay.I_WORDS
    rows = [words[start : start + size] for start in range(0, len(words), size)]
    reached = _reached([0], lambda place: _after(rows[place]))
    before: defaultdict[int, list[int]] = defaultdict(list)
    for place in reached:
        for after in _after(rows[place]):
            before[after].append(place)
    stops = [place for place in reached if rows[place][lay.I_OP] == OP_STOP]
    stuck = sorted(set(reached) - set(_reached(stops, before.__getitem__)))
    if not stuck:
        return ""
    circle = _circle(stuck, lambda place: _after(rows[place]))
    shown = [f"{place} ({program.listing[place]})" for place in circle]
    steps = f"step {shown[0]}" if len(circle) == 1 else f"steps {shown[0]} to {shown[-1]}"
    return (
        f"never ends: no way leads out of {steps}; a loop of label() and go_to(), or a"
        " retry_fault(), needs a condition under which it is not taken"
    )


def _circle(stuck: list[int], around: Callable[[int], Iterable[int]]) -> list[int]:
    """Return steps among some that only lead to each other."""
    circle, todo = stuck, list(stuck)
    while todo:
        further = _reached([todo.pop()], around)
        if len(further) < len(circle):
            circle, todo = further, list(further)
    return circle


def _after(row: Sequence[int]) -> list[int]:
    """Return where a step may lead."""
    if row[lay.I_OP] == OP_STOP:
        return []
    leads = [row[lay.I_NEXT]]
    if row[lay.I_TARGET] or OPERATIONS[row[lay.I_OP]].decides:
        leads.append(row[lay.I_TARGET])
    return leads


def _reached(start: Iterable[int], around: Callable[[int], Iterable[int]]) -> list[int]:
    """Return all places that can be reached from some, those included."""
    todo = list(start)
    seen = set(todo)
    while todo:
        for place in around(todo.pop()):
            if place not in seen:
                seen.add(place)
                todo.append(place)
    return sorted(seen)
