"""What must hold after every event of a run: counts, page tables and page cache agree."""

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.steps import advance
from dessim.kernel.world import Setup, build_world


class BrokenError(AssertionError):
    """A page's counts and the page tables contradict each other."""


class EndlessError(AssertionError):
    """A run that does not come to its end."""


def bits(word: int) -> list[int]:
    """Return the places of the bits that are set."""
    return [i for i in range(lay.PTE_BITS) if word >> i & 1]


def ptes_of(w: list[int]) -> dict[int, int]:
    """Return how many page tables map each page that is mapped at all."""
    found: dict[int, int] = {}
    for mapping in range(w[lay.H_MAPPINGS]):
        base = w[w[lay.H_MAPPING] + mapping * lay.M_WORDS + lay.M_PTE]
        for word in range(-(-w[lay.H_PAGES] // lay.PTE_BITS)):
            for bit in bits(w[base + word]):
                page = word * lay.PTE_BITS + bit
                found[page] = found.get(page, 0) + 1
    return found


def bugs(w: list[int]) -> int:
    """Return how often a BUG_ON found a page mapped."""
    return w[w[lay.H_COUNT] + lay.N_BUG1] + w[w[lay.H_COUNT] + lay.N_BUG1 + 1]


def check(w: list[int]) -> None:
    """Check counts and page tables of every page.

    A page has at least as many mappings counted as page tables map it, and is not freed meanwhile;
    no count is negative; no page table maps a page that was taken out of the page cache.

    Raises
    ------
    BrokenError
        With the first page for which that does not hold.
    """
    ptes = ptes_of(w)
    for page in range(w[lay.H_PAGES]):
        record = w[lay.H_PAGE] + page * w[lay.H_PAGE_WORDS]
        head = w[lay.H_PAGE] + (page & -w[lay.H_FOLIO]) * w[lay.H_PAGE_WORDS]
        mapcount, refcount = w[record + lay.P_MAPCOUNT], w[head + lay.P_REFCOUNT]
        tables = ptes.get(page, 0)
        if mapcount < tables or refcount < 0 or (tables and refcount == 0):
            raise BrokenError(
                f"page {page}: {tables} ptes, mapcount {mapcount}, refcount {refcount}"
            )
        if tables and not w[record + lay.P_FLAGS] & lay.FLAG_OURS:
            raise BrokenError(f"page {page}: {tables} ptes, but it is not in the page cache")


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
            check(w)
        except BrokenError as broken:
            step = lay.OPS[w[w[lay.H_PROG] + pc * lay.I_WORDS + lay.I_OP]]
            raise BrokenError(f"{broken}, after {step} of task {task} at {now} ps") from None
        return then

    Reference(w, None, checked).run()
    return w
