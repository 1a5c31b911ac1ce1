"""Steps in words: one kernel-like line for each move."""

from typing import TYPE_CHECKING

from dessim.engines.explorer import words as ex
from dessim.engines.explorer.buffers import buffer_of
from dessim.kernel import layout as lay
from dessim.kernel.flags import FLAGS
from dessim.kernel.places import page_at

if TYPE_CHECKING:
    from dessim.engines.explorer.story import Walk

LOCK_NAMES = {
    lay.LOCK_MMAP: ("down_{}(mmap_sem)", "up_{}(mmap_sem)"),
    lay.LOCK_VMA: ("vma_start_{}()", "vma_end_{}()"),
    lay.LOCK_PTL: ("spin_lock(ptl)", "spin_unlock(ptl)"),
    lay.LOCK_PAGE_TABLE: ("spin_lock(page_table_lock)", "spin_unlock(page_table_lock)"),
    lay.LOCK_TREE: ("spin_lock(tree_lock)", "spin_unlock(tree_lock)"),
    lay.LOCK_I_MMAP: ("mutex_lock(i_mmap_mutex)", "mutex_unlock(i_mmap_mutex)"),
}
QUESTIONS = {
    "when_pte_none": "pte_none(*pte)?",
    "when_window_open": "pte_none(*pte) for any of the window?",
    "when_mapped": "page_mapped()?",
    "when_frozen": "page_freeze_refs(page, 2)?",
    "when_cached": "radix_tree_lookup()?",
    "trylock_page": "trylock_page()?",
    "when_table_missing": "pmd_none(*pmd)?",
}
PLAIN = {
    "lock_page": "lock_page()",
    "unlock_page": "unlock_page()",
    "wait_on_page": "wait_on_page_locked()",
    "set_pte": "set_pte_at()",
    "clear_pte": "ptep_get_and_clear()",
    "remove": "radix_tree_delete(), page->mapping = NULL",
    "fence": "smp_mb()",
    "unmap_own": "zap_pte_range()",
    "populate": "pmd_populate()",
    "set_flags": "set flags",
}


def _lock_line(w: list[int], t: int, i: int, op: str) -> str:
    text = LOCK_NAMES[w[i + lay.I_A]][op == "unlock"]
    text = text.format("read" if w[i + lay.I_B] else "write")
    if w[i + lay.I_A] == lay.LOCK_PTL and w[lay.H_MAPPINGS] > 1:
        first = w[w[lay.H_MAPPING] + lay.M_TABLE]
        size = w[lay.H_TABLES] * w[lay.H_TABLE_WORDS]
        text = text.replace("ptl", f"ptl of thread {(w[t + lay.T_TABLE] - first) // size + 1}")
    return text


def _flags_question(mask: int, want: int) -> str:
    """Return what a look at flags asks, as C does."""
    asked = (f.is_set if want & f.bit else f.is_clear for f in FLAGS if mask & f.bit)
    return f"{' && '.join(asked)}?"


def _add_line(w: list[int], t: int, i: int, before: int, after: int) -> str:
    by = w[i + lay.I_B]
    if w[i + lay.I_A] == lay.P_MAPCOUNT:
        name = "page_add_file_rmap()" if by > 0 else "page_remove_rmap()"
        return f"{name}: mapcount {before} -> {after}"
    name = "get_page()" if by > 0 else "put_page()"
    return f"{name}: count {before} -> {after}" + (", freed" if after == 0 else "")


def _page_suffix(walk: "Walk", t: int, page: int) -> str:
    """Return which page a step is about, where there is more than one."""
    pages = walk.small.setup.pages
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
    w, x = walk.w, walk.x
    task = action // ex.MOVES_OF_TASK
    t = w[lay.H_TASK] + task * lay.T_WORDS
    pc = w[t + lay.T_PC]
    i = w[lay.H_PROG] + pc * lay.I_WORDS
    op = lay.OPS[w[i + lay.I_OP]]
    page = w[t + lay.T_CURSOR]
    record = page_at(w, page)
    lookup = w[w[x + ex.X_LOOKUP] + pc]
    held = lookup and w[record + lay.P_FLAGS] & lay.FLAG_OURS
    counted = record + (w[i + lay.I_A] if op == "add" else lay.P_REFCOUNT)
    before = _seen(walk, task, counted)
    yes = _holds(walk, action)
    lock_text = _lock_line(w, t, i, op) if op in ("lock", "unlock") else ""
    walk.make(action)
    after = _seen(walk, task, counted)
    suffix = _page_suffix(walk, t, page)
    if lock_text:
        return lock_text
    if op == "add":
        return _add_line(w, t, i, before, before + w[i + lay.I_B]) + suffix
    if lookup:
        found = f"found, count {before} -> {after}" if held else "not in the page cache"
        if held and after == before:
            found = "found, passed over: locked or not uptodate"
        return f"find_get_page(): {found}{suffix}"
    if op == "bug_on":
        verdict = f"fires: {walk.fired.upper()}" if walk.fired else "passes"
        return f"BUG_ON(page_mapped(page)) {verdict}{suffix}"
    if op == "add_folio_refs":
        return f"folio_ref_add(): count {before} -> {after}{suffix}"
    if op == "when_flags":
        return f"{_flags_question(w[i + lay.I_A], w[i + lay.I_B])} {yes}{suffix}"
    if op in QUESTIONS:
        return f"{QUESTIONS[op]} {yes}{suffix}"
    return PLAIN.get(op, op) + suffix


def _holds(walk: "Walk", action: int) -> str:
    """Return whether the condition of a task's next step holds: the first step alone, undone."""
    from dessim.engines.explorer.moves import carry_out_visible

    w, x = walk.w, walk.x
    task = action // ex.MOVES_OF_TASK
    pc = w[lay.H_TASK] + task * lay.T_WORDS + lay.T_PC
    i = w[lay.H_PROG] + w[pc] * lay.I_WORDS
    if lay.OPS[w[i + lay.I_OP]] not in QUESTIONS and w[i + lay.I_OP] != lay.OP_WHEN_FLAGS:
        return ""
    key = walk.key()
    carry_out_visible(w, x, task)
    holds = w[pc] == w[i + lay.I_NEXT]
    walk.go_to(key)
    return "yes" if holds else "no"


def wording_of_store(w: list[int], x: int, task: int, which: int) -> str:
    """Return what happens when a store of a task reaches memory."""
    entry = buffer_of(w, x, task) + ex.B_ENTRY + which * ex.E_WORDS
    place = w[w[x + ex.X_SHARE] + w[entry + ex.E_SHARED]]
    names = {lay.P_FLAGS: "flags", lay.P_MAPCOUNT: "mapcount", lay.P_REFCOUNT: "count"}
    offset = place - w[lay.H_PAGE]
    name = "a lock"
    if 0 <= offset < w[lay.H_PAGES] * w[lay.H_PAGE_WORDS]:
        name = names.get(offset % w[lay.H_PAGE_WORDS], "page")
    elif w[entry + ex.E_KIND] == ex.SET_BIT:
        name = "pte"
    return f"(its store to {name} becomes visible)"
