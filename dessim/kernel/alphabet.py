"""The words in which a locking scheme is written.

A scheme is data: a tuple of these steps, nested where it loops or decides. ``assembler.assemble``
lays it out as a line of instructions; ``steps.step`` gives each its meaning. A new word needs a
meaning there and a reason: the alphabet is meant to stay small.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.flags import FLAGS, flag_mask


class ProgramError(UserError):
    """A program that cannot be assembled: an unknown word, option or place."""


@dataclass(frozen=True)
class Step:
    """One word of a program: an operation, its operands, and the steps it governs."""

    op: str
    a: int = 0
    b: int = 0
    cost: str = "none"
    category: str = "map"
    label: str = ""
    body: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] = ()


LOCKS = {
    "mmap_lock": (lay.LOCK_MMAP, 1, "mmap_lock"),
    "mmap_lock_write": (lay.LOCK_MMAP, 0, "mmap_lock"),
    "vma_lock": (lay.LOCK_VMA, 1, "mmap_lock"),
    "vma_lock_write": (lay.LOCK_VMA, 0, "mmap_lock"),
    "i_mmap_mutex": (lay.LOCK_I_MMAP, 0, "page_cache"),
    "tree_lock": (lay.LOCK_TREE, 0, "page_cache"),
    "page_table_lock": (lay.LOCK_PAGE_TABLE, 0, "page_table"),
    "ptl": (lay.LOCK_PTL, 0, "ptl"),
    "lock": (lay.LOCK_FREE_STANDING, 0, "lock"),
}
WORDS = {"page.mapcount": lay.P_MAPCOUNT, "page.refcount": lay.P_REFCOUNT}
OTHER_CONDITIONS = {
    "pte.none": "when_pte_none",
    "table.missing": "when_table_missing",
    "gang.holds": "when_gang_holds",
    "not_target": "when_not_target",
    "page.cached": "when_cached",
    "page.frame_free": "when_frame_free",
    "page.frozen": "when_frozen",
    "page.mapped": "when_mapped",
    "table.covered": "when_table_covered",
    "noted": "when_noted",
    "touched_enough": "when_touched",
    "vma.cached": "when_vma_cached",
    "window.open": "when_window_open",
}
CONDITION_CATEGORY = {
    "table.missing": "page_table",
    "page.mapped": "page_lines",
    "page.frozen": "page_lines",
    "page.cached": "lookup",
    "page.frame_free": "page_cache",
    "vma.cached": "mmap_lock",
    "window.open": "lookup",
}


def known(name: str, names: Iterable[str], kind: str) -> str:
    """Return a name if it is one of those that exist.

    Raises
    ------
    ProgramError
        Otherwise; the message lists what there is.
    """
    names = tuple(names)
    if name not in names:
        raise ProgramError(f"unknown {kind} {name!r}; there are {', '.join(names)}")
    return name


def work(cost: str) -> Step:
    """Work of this CPU alone that takes a cost of the machine profile."""
    known(cost, lay.COSTS, "cost")
    return Step("work", cost=cost)


def lock(name: str) -> Step:
    """Take a lock, waiting in order of arrival; ``mmap_lock``, ``vma_lock`` are for readers."""
    which, shared, category = LOCKS[known(name, LOCKS, "lock")]
    return Step("lock", which, shared, "lock_local", category)


def unlock(name: str) -> Step:
    """Drop a lock and hand it over."""
    which, shared, category = LOCKS[known(name, LOCKS, "lock")]
    return Step("unlock", which, shared, "lock_local", category)


def cache_vma() -> Step:
    """Remember the mapping that was found, for all who look for one in this mm."""
    return Step("cache_vma", category="mmap_lock")


def load_mmap_sem() -> Step:
    """Look at mmap_sem before asking for it: its line comes as a copy, and is asked for again."""
    return Step("load_mmap_sem", category="mmap_lock")


def load_pgd() -> Step:
    """Read the address of the page tables, which lies on the line of mmap_sem."""
    return Step("load_pgd", category="mmap_lock")


def read_slots(*, window: bool) -> Step:
    """Read the radix-tree slots of the window, or of the cursor's page alone."""
    return Step("read_slots", int(window), category="lookup")


def inc(word: str, cost: str = "none") -> Step:
    """Add one to a word of the page by a locked read-modify-write on its line."""
    return Step("add", WORDS[known(word, WORDS, "word")], 1, cost, "page_lines")


def dec(word: str, cost: str = "none") -> Step:
    """Subtract one from a word of the page by a locked read-modify-write on its line."""
    return Step("add", WORDS[known(word, WORDS, "word")], -1, cost, "page_lines")


def get_page(cost: str = "none") -> Step:
    """Take a reference to the page."""
    return inc("page.refcount", cost)


def put_page() -> Step:
    """Drop a reference to the page."""
    return dec("page.refcount")


def trylock_page(*then: Step, busy: tuple[Step, ...] = ()) -> Step:
    """Try to set PG_locked: one set of steps if that worked, another if the page was locked."""
    return Step("trylock_page", category="page_lines", body=then, otherwise=busy)


def unlock_page() -> Step:
    """Clear PG_locked, look at the wait queue, wake who sleeps on this page."""
    return Step("unlock_page", cost="unlock_page", category="page_lines")


def lock_page() -> Step:
    """Set PG_locked, sleeping in a hashed wait queue as long as somebody else has it."""
    return Step("lock_page", category="page_lock")


def set_flags(clear: int, put: int) -> Step:
    """Clear and set flags of the page by a locked read-modify-write."""
    return Step("set_flags", clear, put, category="page_lines")


def clear_flag(name: str) -> Step:
    """Clear one flag of the page, such as ``readahead``, by a locked read-modify-write."""
    bits = {flag.name: flag.bit for flag in FLAGS}
    return set_flags(bits[known(name, bits, "flag")], 0)


def clear_pte(*then: Step, category: str = "page_cache") -> Step:
    """Exchange the page's pte with none; do some steps if it was there to be taken away."""
    return Step("clear_pte", cost="clear_pte", category=category, body=then)


def shootdown() -> Step:
    """Flush the page's translation on this CPU and on all that run the mapping's mm."""
    return Step("shootdown", category="shootdown")


def flush_table() -> Step:
    """Flush the range's part in the cursor's page table everywhere, if the gang holds any page."""
    return Step("flush_table", category="shootdown")


def free_table() -> Step:
    """Free the cursor's page table, which is empty."""
    return Step("free_table", cost="teardown_per_table", category="teardown")


def add_to_page_cache() -> Step:
    """Put a new page in the page cache: locked and not yet uptodate."""
    return Step("add_to_cache", cost="add_to_page_cache", category="page_cache")


def submit_read() -> Step:
    """Give the page to the device; it unlocks the page when it has read it."""
    return Step("submit_read", category="page_cache")


def read_ahead() -> Step:
    """Start reads of the pages that follow, and mark the first of them."""
    return Step("read_ahead", category="page_cache")


def remove_from_page_cache() -> Step:
    """Empty the page's slot and forget its mapping."""
    return Step("remove", cost="remove_from_page_cache", category="page_cache")


def bug_on_mapped(which: str, *, fatal: bool = False) -> Step:
    """BUG_ON(page_mapped(page)): counted, as ``bug1`` or ``bug2``; a fatal one ends the run."""
    return Step("bug_on", ("bug1", "bug2").index(which), int(fatal), category="page_lines")


def each_in_range(*body: Step) -> Step:
    """Repeat for each page of an actor's range; afterwards the cursor is on its first page."""
    return Step("each_in_range", body=body)


def each_mapping(*body: Step) -> Step:
    """Repeat for each mapping of the file: page-table and mmap locks are those of the mapping."""
    return Step("each_mapping", body=body)


def each_table(*body: Step) -> Step:
    """Repeat for each page table of the range, with the cursor on its first page in the range."""
    return Step("each_table", body=body)


def each_in_table(*body: Step) -> Step:
    """Repeat for the range's pages in the cursor's page table; then go back to its first."""
    return Step("each_in_table", body=body)


def wait_on_page() -> Step:
    """Sleep until the page is unlocked; fall through if it is."""
    return Step("wait_on_page", category="page_lock")


def set_pte() -> Step:
    """Map the page."""
    return Step("set_pte", cost="set_pte")


def populate_table() -> Step:
    """Hang the new page-table page in: from now on the table exists."""
    return Step("populate", category="page_table")


def remember() -> Step:
    """Put the page in the gang lookup's local array."""
    return Step("gang_remember", category="lookup")


def forget() -> Step:
    """Empty the gang lookup's local array."""
    return Step("gang_forget", category="lookup")


def note(what: bool) -> Step:
    """Note yes or no, to be asked for by the condition ``noted``."""
    return Step("note", int(what))


def fence() -> Step:
    """Order all accesses (smp_mb): free in time, since a locked RMW before it is one already."""
    return Step("fence")


def count(counter: str) -> Step:
    """Add one to a counter of the run."""
    return Step("count", lay.COUNTERS.index(known(counter, lay.COUNTERS, "counter")))


def each_page(*body: Step, unmapped: bool = False) -> Step:
    """Repeat for each page of the aligned fault-around window; then go back to the target.

    ``unmapped``: begin with the first that is not mapped (there is one: ``window.open``).
    """
    return Step("each_page", int(unmapped), body=body)


def when(condition: str, *then: Step, otherwise: tuple[Step, ...] = (), cost: str = "none") -> Step:
    """Do some steps if a condition holds, others if not: one atomic load, and work around it."""
    flags = flag_mask(condition)
    if flags is not None:
        return Step("when_flags", *flags, cost, "page_lines", "", then, otherwise)
    if condition not in OTHER_CONDITIONS:
        flag_words = (word for flag in FLAGS for word in (flag.name, flag.opposite))
        raise ProgramError(
            f"unknown condition {condition!r}; there are {', '.join(OTHER_CONDITIONS)}, and 'page.'"
            f" with flags joined by '_': {', '.join(flag_words)}"
        )
    category = CONDITION_CATEGORY.get(condition, "map")
    return Step(OTHER_CONDITIONS[condition], 0, 0, cost, category, "", then, otherwise)


def unless(condition: str, *then: Step, otherwise: tuple[Step, ...] = ()) -> Step:
    """Do some steps if a condition does not hold."""
    return (
        when(condition, otherwise=then)
        if not otherwise
        else when(condition, *otherwise, otherwise=then)
    )


def each_folio(*body: Step) -> Step:
    """Repeat for each folio of the window, with the cursor on its first page in the window."""
    return Step("each_folio", body=body)


def each_page_of_folio(*body: Step) -> Step:
    """Repeat for the pages of the cursor's folio that are in the window; then stay on the last."""
    return Step("each_page_of_folio", body=body)


def to_head() -> Step:
    """Go to the folio's head page, whose struct page holds lock and reference count."""
    return Step("to_head")


def from_head() -> Step:
    """Go back to where ``to_head`` left."""
    return Step("from_head")


def add_folio_refs() -> Step:
    """Add a reference for each pte of the folio that was just set: one RMW on its head."""
    return Step("add_folio_refs", category="page_lines")


def option(name: str, *then: Step, otherwise: tuple[Step, ...] = ()) -> Step:
    """Steps that are in the program only if an option of the scheme is on (or off)."""
    return Step("option", label=name, body=then, otherwise=otherwise)


def label(name: str) -> Step:
    """Name a place in the program."""
    return Step("label", label=name)


def go_to(name: str) -> Step:
    """Go on at a named place."""
    return Step("go_to", label=name)


def retry_fault() -> Step:
    """Begin the fault's handler again, after the exception entry."""
    return go_to("retry")


def jump(op: str, name: str, cost: str = "none", category: str = "user", a: int = 0) -> Step:
    """Return a step of the workload that may go to a named place."""
    return Step(op, a, 0, cost, category, name)
