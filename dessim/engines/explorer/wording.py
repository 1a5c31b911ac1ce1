"""Steps in words: one kernel-like line for each move."""

from typing import TYPE_CHECKING

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.buffers import buffer_of
from dessim.kernel import layout as lay
from dessim.kernel.addressing import page_at
from dessim.kernel.expressions import local_at
from dessim.kernel.flags import flags_in_words
from dessim.kernel.operands import lock_of, word_operand
from dessim.kernel.ops import OP_ADD, OP_ADD_FOLIO_REFS, OP_BUG_ON, OP_WHEN_FLAGS, OPERATIONS

if TYPE_CHECKING:
    from dessim.engines.explorer.story import Walk


def _lock_line(w: list[int], t: int, i: int, locking: int) -> str:
    lock = lock_of(w[i + lay.I_A], w[i + lay.I_B])
    text = lock.take if locking == lay.TAKES_LOCK else lock.drop
    if w[i + lay.I_A] == lay.LOCK_PTL and w[lay.H_MAPPINGS] > 1:
        first = w[w[lay.H_MAPPING] + lay.M_TABLE]
        size = w[lay.H_TABLES] * w[lay.H_TABLE_WORDS]
        text = text.replace("ptl", f"ptl of thread {(w[t + lay.T_TABLE] - first) // size + 1}")
    return text


def _add_line(w: list[int], t: int, i: int, before: int, after: int) -> str:
    by = w[i + lay.I_B]
    if w[i + lay.I_A] == lay.P_MAPCOUNT:
        name = "page_add_file_rmap()" if by > 0 else "page_remove_rmap()"
        return f"{name}: mapcount {before} -> {after}"
    name = "get_page()" if by > 0 else "put_page()"
    return f"{name}: count {before} -> {after}" + (", freed" if after == 0 else "")


def _page_suffix(walk: "Walk", t: int, page: int) -> str:
    """Return which page a step is about, where there is more than one."""
    pages = walk.w[walk.x + ex.X_PAGES]
    if page >= pages:
        return " [own target]"
    return f" [page {page}]" if pages > 1 else ""


def _seen(walk: "Walk", task: int, place: int) -> int:
    """Return a count as a task sees it: with its own additions that are on their way."""
    w, x = walk.w, walk.x
    seen = w[place]
    b = buffer_of(w, x, task)
    for which in range(w[b + ex.B_COUNT]):
        entry = b + ex.B_ENTRY + which * ex.E_WORDS
        if (
            w[w[x + ex.X_SHARE] + w[entry + ex.E_SHARED]] == place
            and w[entry + ex.E_KIND] == ex.ADD
        ):
            seen += w[entry + ex.E_VALUE]
    return seen


def wording(walk: "Walk", action: int) -> str:
    """Make a move of a task and return what it did, as one line."""
    if walk.small.texts:
        return wording_of_protocol(walk, action)
    w, x = walk.w, walk.x
    task = action // ex.MOVES_OF_TASK
    t = w[lay.H_TASK] + task * lay.T_WORDS
    pc = w[t + lay.T_PC]
    i = w[lay.H_PROG] + pc * lay.I_WORDS
    op = w[i + lay.I_OP]
    operation = OPERATIONS[op]
    page = w[t + lay.T_CURSOR]
    record = page_at(w, page)
    lookup = w[w[x + ex.X_LOOKUP] + pc]
    held = lookup and w[record + lay.P_FLAGS] & lay.FLAG_OURS
    counted = record + (w[i + lay.I_A] if op == OP_ADD else lay.P_REFCOUNT)
    before = _seen(walk, task, counted)
    yes = _holds(walk, action)
    locks = operation.locking in (lay.TAKES_LOCK, lay.DROPS_LOCK)
    lock_text = _lock_line(w, t, i, operation.locking) if locks else ""
    walk.make(action)
    after = _seen(walk, task, counted)
    suffix = _page_suffix(walk, t, page)
    if lock_text:
        return lock_text
    if op == OP_ADD:
        return _add_line(w, t, i, before, before + w[i + lay.I_B]) + suffix
    if lookup:
        found = f"found, count {before} -> {after}" if held else "not in the page cache"
        if held and after == before:
            found = "found, passed over: locked or not uptodate"
        return f"find_get_page(): {found}{suffix}"
    text = operation.words
    if op == OP_BUG_ON:
        return f"{text} {f'fires: {walk.fired.upper()}' if walk.fired else 'passes'}{suffix}"
    if op == OP_ADD_FOLIO_REFS:
        return f"{text}: count {before} -> {after}{suffix}"
    if op == OP_WHEN_FLAGS:
        text = flags_in_words(w[i + lay.I_A], w[i + lay.I_B])
    return f"{text} {yes}{suffix}" if operation.asks else text + suffix


WHAT_IS_WRONG = {
    lay.NOT_HELD: ": BUG: nobody holds it so",
    lay.NO_SUCH_ELEMENT: ": BUG: the index is outside the array",
}


def wording_of_protocol(walk: "Walk", action: int) -> str:
    """Make a move of a protocol's task and return what it did: its text, and what it met."""
    from dessim.engines.explorer.moves import carry_out_alone

    w, x = walk.w, walk.x
    task, which = divmod(action, ex.MOVES_OF_TASK)
    t = w[lay.H_TASK] + task * lay.T_WORDS
    pc = w[t + lay.T_PC]
    i = w[lay.H_PROG] + pc * lay.I_WORDS
    text = walk.small.texts[pc]
    operation = OPERATIONS[w[i + lay.I_OP]]
    before = list(w)
    carry_out_alone(w, x, task, which)
    if operation.branches:
        text += " yes" if w[t + lay.T_PC] == w[i + lay.I_NEXT] else " no"
    number = word_operand(w[i + lay.I_B]).local
    if operation.finds and number != lay.NO_LOCAL:
        text += f" -> {w[local_at(w, task, number)]}"
    w[:] = before
    walk.make(action)
    bug = w[w[lay.H_PROTOCOL] + lay.Q_BUG]
    if bug != before[w[lay.H_PROTOCOL] + lay.Q_BUG]:
        text += WHAT_IS_WRONG.get(bug, "")
    return text


def _holds(walk: "Walk", action: int) -> str:
    """Return whether the condition of a task's next step holds: the first step alone, undone."""
    from dessim.engines.explorer.moves import carry_out_alone

    w, x = walk.w, walk.x
    task = action // ex.MOVES_OF_TASK
    pc = w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC
    i = w[lay.H_PROG] + w[pc] * lay.I_WORDS
    if not OPERATIONS[w[i + lay.I_OP]].asks:
        return ""
    key = walk.key()
    carry_out_alone(w, x, task, action % ex.MOVES_OF_TASK)
    holds = w[pc] == w[i + lay.I_NEXT]
    walk.go_to(key)
    return "yes" if holds else "no"


def wording_of_store(walk: "Walk", task: int, which: int) -> str:
    """Return what happens when a store of a task reaches memory."""
    w, x = walk.w, walk.x
    entry = buffer_of(w, x, task) + ex.B_ENTRY + which * ex.E_WORDS
    place = w[w[x + ex.X_SHARE] + w[entry + ex.E_SHARED]]
    if walk.small.texts:
        name = walk.small.name_at(place).partition(" (")[0]
        what = f"{name} = {w[entry + ex.E_VALUE]}" if place in walk.small.places else "a lock"
        return f"(its store to {what} becomes visible)"
    names = {lay.P_FLAGS: "flags", lay.P_MAPCOUNT: "mapcount", lay.P_REFCOUNT: "count"}
    offset = place - w[lay.H_PAGE]
    name = "a lock"
    if 0 <= offset < w[lay.H_PAGES] * w[lay.H_PAGE_WORDS]:
        name = names.get(offset % w[lay.H_PAGE_WORDS], "page")
    elif w[entry + ex.E_KIND] == ex.SET_BIT:
        name = "pte"
    return f"(its store to {name} becomes visible)"
