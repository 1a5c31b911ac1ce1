"""The words in which a locking scheme is written.

A scheme is data: a tuple of these steps, nested where it loops or decides. ``assembler.assemble``
lays it out as a line of instructions; ``steps.step`` gives each its meaning. A new word needs a
meaning there and a reason: the alphabet is meant to stay small.
"""

import reprlib
from dataclasses import dataclass

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.flags import FLAGS, flag_mask
from dessim.kernel.operands import LOCKS as LOCKS
from dessim.kernel.operands import WORDS as WORDS
from dessim.kernel.operation import CONDITION
from dessim.kernel.ops import OP_WHEN_FLAGS, OPERATIONS
from dessim.kernel.program_errors import ProgramError as ProgramError
from dessim.kernel.program_errors import known as known
from dessim.kernel.program_errors import text_of
from dessim.model.errors import suggest
from dessim.model.units import TIME, parse_quantity

LONGEST_WORK_PS = 10**12


@dataclass(frozen=True)
class Step:
    """One word of a program: an operation, its operands, and the steps it governs.

    Without a cost, a category or a text it has those of its operation.
    """

    op: str
    a: int = 0
    b: int = 0
    cost: str = ""
    category: str = ""
    label: str = ""
    body: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] = ()
    text: str = ""


OTHER_CONDITIONS = {
    row.condition: row.name
    for row in OPERATIONS
    if row.group == CONDITION and row is not OPERATIONS[OP_WHEN_FLAGS]
}


def work(cost: str, time: str = "", *, category: str = "lookup") -> Step:
    """Work of this CPU alone.

    Parameters
    ----------
    cost : str
        Of the machine profile; or, with a time, a name of your own.
    time : str, optional
        How long it takes at the clock of one core, such as ``120ns``. It follows the clock, SMT
        siblings and ``work_cv`` as costs of the profile do.
    category : str
        Of work of your own: where its time is counted.

    Raises
    ------
    ProgramError
        If the profile has no such cost, or has one of the name that you gave a time of its own; if
        the time is none.
    """
    if not time:
        known(cost, cost_table.COSTS, "cost")
        return Step("work", cost=cost)
    if text_of(cost, "a cost") in cost_table.COSTS:
        raise ProgramError(f"cost {cost!r} is one of the machine profile: leave its time out")
    known(category, lay.CATEGORIES, "category")
    try:
        ps = parse_quantity(text_of(time, "a time"), TIME)
    except ValueError as error:
        raise ProgramError(f"cost {cost!r}: {error}") from None
    if ps > LONGEST_WORK_PS:
        raise ProgramError(f"cost {cost!r}: {time} is more than 1 s")
    return Step("own_work", ps, cost=cost, category=category)


def lock(name: str) -> Step:
    """Take a lock, waiting in order of arrival; ``mmap_lock``, ``vma_lock`` are for readers."""
    found = LOCKS[known(name, LOCKS, "lock")]
    return Step("lock", found.which, found.shared, category=found.category)


def unlock(name: str) -> Step:
    """Drop a lock and hand it over."""
    found = LOCKS[known(name, LOCKS, "lock")]
    return Step("unlock", found.which, found.shared, category=found.category)


def cache_vma() -> Step:
    """Remember the mapping that was found, for all who look for one in this mm."""
    return Step("cache_vma")


def load_mmap_sem() -> Step:
    """Look at mmap_sem before asking for it: its line comes as a copy, and is asked for again."""
    return Step("load_mmap_sem")


def load_pgd() -> Step:
    """Read the address of the page tables, which lies on the line of mmap_sem."""
    return Step("load_pgd")


def add_nr_ptes(by: int) -> Step:
    """Count a page table of the mm, which is an RMW on the line of mmap_sem: one more, or less."""
    return Step("add_nr_ptes", by)


def read_slots(*, window: bool) -> Step:
    """Read the radix-tree slots of the window, or of the cursor's page alone."""
    return Step("read_slots", int(window))


def inc(word: str, cost: str = "none") -> Step:
    """Add one to a word of the page by a locked read-modify-write on its line."""
    return Step("add", WORDS[known(word, WORDS, "word")], 1, cost)


def dec(word: str, cost: str = "none") -> Step:
    """Subtract one from a word of the page by a locked read-modify-write on its line."""
    return Step("add", WORDS[known(word, WORDS, "word")], -1, cost)


def get_page(cost: str = "none") -> Step:
    """Take a reference to the page."""
    return inc("page.refcount", cost)


def put_page() -> Step:
    """Drop a reference to the page."""
    return dec("page.refcount")


def trylock_page(*then: Step, busy: tuple[Step, ...] = ()) -> Step:
    """Try to set PG_locked: one set of steps if that worked, another if the page was locked."""
    return Step("trylock_page", body=then, otherwise=busy)


def unlock_page() -> Step:
    """Clear PG_locked, look at the wait queue, wake who sleeps on this page."""
    return Step("unlock_page")


def lock_page() -> Step:
    """Set PG_locked, sleeping in a hashed wait queue as long as somebody else has it."""
    return Step("lock_page")


def set_flags(clear: int, put: int) -> Step:
    """Clear and set flags of the page by a locked read-modify-write."""
    return Step("set_flags", clear, put)


def clear_flag(name: str) -> Step:
    """Clear one flag of the page, such as ``readahead``, by a locked read-modify-write."""
    bits = {flag.name: flag.bit for flag in FLAGS}
    return set_flags(bits[known(name, bits, "flag")], 0)


def clear_pte(*then: Step, category: str = "") -> Step:
    """Exchange the page's pte with none; do some steps if it was there to be taken away."""
    return Step("clear_pte", category=category, body=then)


def shootdown(*, folio: bool = False) -> Step:
    """Flush the page's, or the folio's, translations here and on all CPUs that run the mm."""
    return Step("shootdown", int(folio))


def flush_table(*, run: bool = False) -> Step:
    """Flush the range's part in the cursor's page table, or run, if the gang holds any page."""
    return Step("flush_table", int(run))


def free_table() -> Step:
    """Free the cursor's page table, which is empty."""
    return Step("free_table")


def add_to_page_cache() -> Step:
    """Put a new page in the page cache: locked and not yet uptodate."""
    return Step("add_to_cache")


def submit_read() -> Step:
    """Give the page to the device; it unlocks the page when it has read it."""
    return Step("submit_read")


def read_ahead() -> Step:
    """Start reads of the pages that follow, and mark the first of them."""
    return Step("read_ahead")


def remove_from_page_cache() -> Step:
    """Empty the page's slot and forget its mapping."""
    return Step("remove")


def bug_on_mapped(which: str, *, fatal: bool = False) -> Step:
    """BUG_ON(page_mapped(page)): counted, as ``bug1`` or ``bug2``; a fatal one ends the run."""
    bugs = ("bug1", "bug2")
    return Step("bug_on", bugs.index(known(which, bugs, "bug")), int(fatal))


def each_in_range(*body: Step) -> Step:
    """Repeat for each folio of an actor's range; afterwards the cursor is on its first page."""
    return Step("each_in_range", body=body)


def each_mapping(*body: Step) -> Step:
    """Repeat for each mapping of the file: page-table and mmap locks are those of the mapping."""
    return Step("each_mapping", body=body)


def each_table(*body: Step, run: bool = False) -> Step:
    """Repeat for each page table of the range, or run of it, from its first page in the range."""
    return Step("each_table", int(run), body=body)


def each_in_table(*body: Step, run: bool = False) -> Step:
    """Repeat for the range's pages in the cursor's table, or run; then go back to its first."""
    return Step("each_in_table", int(run), body=body)


def wait_on_page() -> Step:
    """Sleep until the page is unlocked; fall through if it is."""
    return Step("wait_on_page")


def try_again() -> Step:
    """Count an attempt at the fault that gave its lock up to wait for a page."""
    return Step("try_again")


def when_tried(attempts: int, *then: Step, otherwise: tuple[Step, ...] = ()) -> Step:
    """Do some steps if so many attempts at the fault, at least one, waited for a page."""
    return Step("when_tried", attempts - 1, body=then, otherwise=otherwise)


def set_pte() -> Step:
    """Map the page."""
    return Step("set_pte")


def populate_table() -> Step:
    """Hang the new page-table page in: from now on the table exists."""
    return Step("populate")


def remember() -> Step:
    """Put the page in the gang lookup's local array."""
    return Step("gang_remember")


def forget() -> Step:
    """Empty the gang lookup's local array."""
    return Step("gang_forget")


def note(what: bool) -> Step:
    """Note yes or no, to be asked for by the condition ``noted``."""
    if not isinstance(what, bool):
        raise ProgramError(f"note() takes True or False, not {reprlib.repr(what)}")
    return Step("note", int(what))


FENCES = {"mb": lay.IS_MB, "rmb": lay.IS_RMB, "wmb": lay.IS_WMB}


def fence(kind: str = "mb") -> Step:
    """Order all accesses (smp_mb), loads (rmb) or stores (wmb): free in time.

    A locked RMW before it is a full barrier already, and on x86 the others order nothing more.
    """
    return Step("fence", FENCES[known(kind, FENCES, "fence")])


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
    flags = flag_mask(text_of(condition, "a condition"))
    if flags is not None:
        return Step("when_flags", *flags, cost, body=then, otherwise=otherwise)
    if condition not in OTHER_CONDITIONS:
        flag_words = [word for flag in FLAGS for word in (flag.name, flag.opposite)]
        known_words = (*OTHER_CONDITIONS, *(f"page.{word}" for word in flag_words))
        hint = suggest(condition, known_words, plural="conditions")
        raise ProgramError(
            f"unknown condition {condition!r}; {hint} (flags of a page are joined by '_')"
        )
    return Step(OTHER_CONDITIONS[condition], cost=cost, body=then, otherwise=otherwise)


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
    return Step("add_folio_refs")


def whole_folio(*, alone: bool = False) -> Step:
    """Let the fault map the cursor's folio beyond its window if the file has all of it.

    With ``alone``, a folio of which the file has a part is mapped in the target's page only.
    """
    return Step("whole_folio", int(alone))


def count_folio() -> Step:
    """Update a count of the folio's mappings, once for all ptes that were just set: one RMW."""
    return Step("count_folio")


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


def jump(op: str, name: str, cost: str = "", category: str = "", a: int = 0) -> Step:
    """Return a step of the workload that may go to a named place."""
    return Step(op, a, 0, cost, category, name)
