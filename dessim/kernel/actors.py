"""What actors and unmapping threads do besides faulting: rounds, ranges, mappings, tables."""

from dessim.kernel.addressing import end_of_run, first_of_run, table_pages
from dessim.kernel.draws import draw
from dessim.kernel.layout import *
from dessim.kernel.lines import wake
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS


def pause(w: World, t: int, target: int) -> None:
    """End of an actor's pause: another round, or the end if the workload is over."""
    if w[H_LIVE] == 0:
        w[t + T_PC] = target


def start_thread(w: World, t: int, done: int, target: int) -> None:
    """Let the next thread of the workload live from ``done`` on; end the loop with the last."""
    thread = w[t + T_ACCESS]
    w[t + T_ACCESS] = thread + 1
    new = w[H_TASK] + thread * T_WORDS
    w[new + T_CLOCK] = done
    w[new + T_START] = done
    wake(w, thread, done)
    if thread + 1 == w[H_WORKERS]:
        w[H_STEADY_FROM] = done
        w[t + T_PC] = target


def pick_range(w: World, task: int) -> None:
    """Put the cursor on the first page of a random range of the actor's size, in whole folios."""
    t = w[H_TASK] + task * T_WORDS
    size = (w[t + T_RANGE] + w[H_FOLIO] - 1) & ~(w[H_FOLIO] - 1)
    if size > w[H_PAGES]:
        size = w[H_PAGES]
    ranges = (w[H_PAGES] + size - 1) // size
    first = ((draw(w, task, DRAW_ACTOR) * ranges) >> 32) * size
    stop = first + size
    w[t + T_CURSOR] = first
    w[t + T_PAGE] = first
    w[t + T_STOP] = stop if stop < w[H_PAGES] else w[H_PAGES]


def next_in_range(w: World, t: int, target: int) -> None:
    """Go on with the next folio of the range, or go back to its first and end the loop."""
    w[t + T_CURSOR] = (w[t + T_CURSOR] | (w[H_FOLIO] - 1)) + 1
    if w[t + T_CURSOR] < w[t + T_STOP]:
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def look_at(w: World, t: int, mapping: int) -> None:
    """Let an actor's steps act on a mapping's page tables and on its mm's locks."""
    w[t + T_VISITED] = mapping
    w[t + T_PTE] = w[mapping + M_PTE]
    w[t + T_TABLE] = w[mapping + M_TABLE]
    w[t + T_MM] = w[mapping + M_MM]


def next_mapping(w: World, t: int, target: int) -> None:
    """Go on with the next mapping of the file, or end the loop."""
    mapping = w[t + T_VISITED] + M_WORDS
    if mapping < w[H_MAPPING] + w[H_MAPPINGS] * M_WORDS:
        look_at(w, t, mapping)
        w[t + T_PC] = target


def pick_mapping(w: World, task: int) -> None:
    """Join a process drawn at random: work on one of its mappings, as one of its threads."""
    t = w[H_TASK] + task * T_WORDS
    drawn = (draw(w, task, DRAW_ACTOR) * w[H_MAPPINGS]) >> 32
    look_at(w, t, w[H_MAPPING] + drawn * M_WORDS)
    w[t + T_MAPPING] = w[t + T_VISITED]
    w[t + T_HOME_MM] = w[t + T_MM]


def pick_touched(w: World, t: int) -> None:
    """Let the range be the pages that the thread touched since its last munmap.

    One that replays a trace touches pages of its region in any order, and unmaps all of it.
    """
    if w[H_TRACE]:
        w[t + T_PAGE] = w[t + T_FIRST]
        w[t + T_STOP] = w[t + T_FIRST] + w[t + T_RANGE]
    elif w[H_ACCESS] == ACCESS_OWN_REGION:
        w[t + T_PAGE] = w[t + T_FIRST]
        w[t + T_STOP] = w[t + T_FIRST] + w[H_REGION]
    else:
        w[t + T_STOP] = w[t + T_PAGE] + 1
        w[t + T_PAGE] = w[t + T_STOP] - w[t + T_TOUCHED]
    w[t + T_CURSOR] = w[t + T_PAGE]
    w[t + T_TOUCHED] = 0
    w[t + T_VISITED] = w[t + T_MAPPING]


def next_table(w: World, t: int, target: int, run: int) -> None:
    """Go on with the next page table of the range, or run, or go back to its first page."""
    following = end_of_run(w, t, run)
    if following < w[t + T_STOP]:
        w[t + T_CURSOR] = following
        w[t + T_PC] = target
    else:
        w[t + T_CURSOR] = w[t + T_PAGE]


def next_in_table(w: World, t: int, target: int, run: int) -> None:
    """Go on with the next page of the range in this page table, or run, or go back to the first."""
    page = w[t + T_CURSOR]
    if page + 1 < end_of_run(w, t, run):
        w[t + T_CURSOR] = page + 1
        w[t + T_PC] = target
    else:
        first = first_of_run(w, t, run)
        w[t + T_CURSOR] = first if first > w[t + T_PAGE] else w[t + T_PAGE]


def covers_table(w: World, t: int) -> int:
    """Return whether the range has all pages of the cursor's page table that the file has."""
    first = w[t + T_CURSOR] & ~(table_pages(w) - 1)
    stop = w[t + T_STOP]
    return w[t + T_PAGE] <= first and (stop >= first + table_pages(w) or stop == w[H_PAGES])


def range_step(w: World, task: int, i: int) -> int:
    """Carry out a step that chooses on which pages and mappings a task works."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_PICK_RANGE:
        pick_range(w, task)
    elif op == OP_NEXT_IN_RANGE:
        next_in_range(w, t, target)
    elif op == OP_PICK_MAPPING:
        pick_mapping(w, task)
    elif op == OP_PICK_TOUCHED:
        pick_touched(w, t)
    elif op == OP_NEXT_IN_TABLE:
        next_in_table(w, t, target, w[i + I_A])
    elif op == OP_NEXT_TABLE:
        next_table(w, t, target, w[i + I_A])
    elif op == OP_FIRST_MAPPING:
        look_at(w, t, w[H_MAPPING])
    elif op == OP_NEXT_MAPPING:
        next_mapping(w, t, target)
    else:
        return MEANINGLESS
    return GO_ON
