"""What belongs to a state: the words of a World that decide what comes next, and their bits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.orders import Rules, operation_of
from dessim.kernel import layout as lay
from dessim.kernel.ops import OPERATIONS
from dessim.kernel.setup import Setup

KNOWN_WORDS = frozenset((lay.T_GANG, lay.T_NOTED, lay.T_FOLIO_REFS))
OPERATIONS_BY_WORD = {row.remembers: row.name for row in OPERATIONS}

Part = tuple[int, int, int, int, int]  # address, kind, low, mask, extra
Where = tuple[int, int, int, int]  # address, mask, shift, kind
FLAG_BITS = lay.FLAG_LOCKED | lay.FLAG_UPTODATE | lay.FLAG_READAHEAD


def value(address: int, low: int, high: int) -> Part:
    """Return the field of a word whose values are between two bounds."""
    mask = (1 << max(1, (high - low).bit_length())) - 1
    return (address, ex.FIELD_VALUE, low, mask, 0)


def bits(address: int, first: int, count: int) -> Part:
    """Return the field of some bits of a word."""
    return (address, ex.FIELD_BITS, first, (1 << count) - 1, 0)


def _task_fields(w: Any, task: int, pages: int, steps: int) -> Iterator[Part]:
    t = task_at(w, task)
    yield value(t + lay.T_PC, 0, steps)
    yield value(t + lay.T_AT, -2, 1)
    for word in (lay.T_CURSOR, lay.T_FROM):
        yield (t + word, ex.FIELD_CURSOR, 0, (1 << (pages + 1).bit_length()) - 1, t + lay.T_PAGE)
    yield value(t + lay.T_STOP, 0, pages + 1)
    remembered = _remembered(w)
    if lay.T_GANG in remembered:
        yield bits(int(w[t + lay.T_GANG]), 0, pages)
    if lay.T_NOTED in remembered:
        yield value(t + lay.T_NOTED, 0, 1)


def _remembered(w: Any) -> set[int]:
    """Return the words of a task in which steps of the programs leave something for later ones.

    Raises
    ------
    ValueError
        If such a word has no field here: states that differ would be taken for the same.
    """
    found = {operation_of(row).remembers for row in program_of(w)} - {0}
    unknown = [OPERATIONS_BY_WORD[word] for word in found - KNOWN_WORDS]
    if unknown:
        raise ValueError(f"a state has no field for what {', '.join(unknown)} leave for later")
    return found


def _page_fields(w: Any, page: int) -> Iterator[Part]:
    record = int(w[lay.H_PAGE]) + page * int(w[lay.H_PAGE_WORDS])
    yield value(record + lay.P_FLAGS, 0, 15)
    yield value(record + lay.P_MAPCOUNT, -4, 11)
    yield value(record + lay.P_REFCOUNT, -4, 11)


def _table_fields(w: Any, mapping: int, pages: int) -> Iterator[Part]:
    record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
    yield bits(int(w[record + lay.M_PTE]), 0, pages)
    yield value(int(w[record + lay.M_TABLE]) + lay.K_HOLD, -1, 6)
    yield value(_populated(w, mapping), 0, 1)


def _populated(w: Any, mapping: int) -> int:
    """Return the word that says whether a mapping's page table exists."""
    record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
    return int(w[record + lay.M_TABLE]) + int(w[lay.H_LINE_WORDS]) + lay.D_POPULATED


def _mm_fields(w: Any, mapping: int) -> Iterator[Part]:
    record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
    mm = int(w[record + lay.M_MM]) + lay.MM_LOCKS
    size = int(w[lay.H_LINE_WORDS])
    yield value(mm + lay.LOCK_MMAP * size + lay.K_HOLD, -1, 6)
    yield value(mm + lay.LOCK_PAGE_TABLE * size + lay.K_HOLD, -1, 6)
    yield value(int(w[record + lay.M_VMA_LOCK]) + lay.K_HOLD, -1, 6)


def _thread_fields(w: Any, task: int, setup: Setup, rules: Rules, steps: int) -> Iterator[Part]:
    """Yield what belongs to one thread, its own page tables and its own target included."""
    t = task_at(w, task)
    yield from _task_fields(w, task, setup.pages, steps)
    if rules.attempts:
        yield value(t + lay.T_ACCESS, 0, rules.attempts)
    if lay.T_FOLIO_REFS in _remembered(w):  # else they are counted and never used
        yield value(t + lay.T_FOLIO_REFS, 0, 3)
    mappings = int(w[lay.H_MAPPINGS])
    mapping = task if mappings > 1 else 0
    if rules.neighbour:
        page = setup.pages + task
        yield from _page_fields(w, page)
        base = int(w[int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS + lay.M_PTE])
        yield bits(base, page, 1)
    if mappings > 1:
        yield from _table_fields(w, mapping, setup.pages)
        yield from _mm_fields(w, mapping)


def _common_fields(w: Any, setup: Setup, steps: int) -> Iterator[Part]:
    """Yield what belongs to all: pages, locks, actors."""
    for page in range(setup.pages):
        yield from _page_fields(w, page)
    if w[lay.H_MAPPINGS] == 1:
        yield from _table_fields(w, 0, setup.pages)
        yield from _mm_fields(w, 0)
    for lock in range(2):
        yield value(int(w[lay.H_FILE]) + lock * int(w[lay.H_LINE_WORDS]) + lay.K_HOLD, -1, 6)
    for task in range(setup.threads, int(w[lay.H_TASKS])):
        yield from _task_fields(w, task, setup.pages, steps)
        first = int(w[lay.H_MAPPING])
        yield value(
            task_at(w, task) + lay.T_VISITED,
            first,
            first + (int(w[lay.H_MAPPINGS]) - 1) * lay.M_WORDS,
        )


def _buffer_fields(x_buffer: int, task: int, shared: int) -> Iterator[Part]:
    base = x_buffer + task * ex.B_WORDS
    yield value(base + ex.B_COUNT, 0, ex.CAPACITY)
    for number in range(ex.CAPACITY):
        entry = base + ex.B_ENTRY + number * ex.E_WORDS
        yield value(entry + ex.E_SHARED, 0, shared)
        yield value(entry + ex.E_KIND, 0, ex.STORES_BEFORE)
        yield value(entry + ex.E_VALUE, -4, 63)


def shared_words(w: Any, setup: Setup) -> list[tuple[int, int]]:
    """Return the words through which tasks meet, and what their changes are: store, sum, bit."""
    found = []
    for page in range(setup.pages):
        record = int(w[lay.H_PAGE]) + page * int(w[lay.H_PAGE_WORDS])
        found += [
            (record + lay.P_FLAGS, ex.SET_BIT),
            (record + lay.P_MAPCOUNT, ex.ADD),
            (record + lay.P_REFCOUNT, ex.ADD),
        ]
    for mapping in range(int(w[lay.H_MAPPINGS])):
        record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
        found.append((int(w[record + lay.M_PTE]), ex.SET_BIT))
        found.append((int(w[record + lay.M_TABLE]) + lay.K_HOLD, 0))
        found.append((_populated(w, mapping), 0))
        found += [(part[0], 0) for part in _mm_fields(w, mapping)]
    size = int(w[lay.H_LINE_WORDS])
    found += [(int(w[lay.H_FILE]) + lock * size + lay.K_HOLD, 0) for lock in range(2)]
    return list(dict.fromkeys(found))


class Packing:
    """Lays fields out in key words."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.word, self.used = 0, 0

    def add(self, part: Part) -> None:
        """Put a field behind the others."""
        address, kind, low, mask, extra = part
        size = mask.bit_length()
        if self.used + size > ex.KEY_BITS:
            self.next_word()
        self.rows.append([address, kind, low, mask, self.word, self.used, extra, 0])
        self.used += size

    def next_word(self) -> None:
        """Go on in a new word."""
        self.word, self.used = self.word + 1, 0


def task_at(w: Any, task: int) -> int:
    """Return where a task's record begins."""
    return int(w[lay.H_TASK]) + task * lay.T_WORDS


def program_of(w: Any) -> Any:
    """Return the instructions of all programs, one row each."""
    end = min(
        int(w[slot]) for slot in (lay.H_CPU, lay.H_CORE, lay.H_TASK) if w[slot] > w[lay.H_PROG]
    )
    steps = (end - int(w[lay.H_PROG])) // lay.I_WORDS
    return w[int(w[lay.H_PROG]) :][: steps * lay.I_WORDS].reshape(-1, lay.I_WORDS)


@dataclass
class StateShape:
    """What the explorer has to know of a World: which of its words belong to a state.

    Attributes
    ----------
    threads : int
        Tasks that come first and may be interchangeable.
    pages : int
        On which they meet.
    own : list of list of Part
        Of each of those tasks: its fields.
    common : list of Part
        All other fields.
    shared : list of (int, int)
        Words through which tasks meet, and what their changes are.
    wheres : list of Where
        Words that others may see late, in lkmm.
    locks : dict
        ``LOCK_*`` -> addresses of the records, in lkmm.
    symmetric : bool
        Whether the threads are interchangeable.
    code : sequence of (int, int)
        Expressions, of a protocol.
    """

    threads: int
    pages: int
    own: list[list[Part]]
    common: list[Part]
    shared: list[tuple[int, int]]
    wheres: list[Where]
    locks: dict[int, list[int]]
    symmetric: bool
    code: Sequence[tuple[int, int]] = ((lay.E_END, 0),)


def shape_of(w: Any, setup: Setup, rules: Rules) -> StateShape:
    """Return the shape of a setup's World."""
    steps = len(program_of(w))
    own_tables = int(w[lay.H_MAPPINGS]) > 1
    same_target = rules.neighbour or setup.pages == 1
    return StateShape(
        setup.threads,
        setup.pages,
        [list(_thread_fields(w, t, setup, rules, steps)) for t in range(setup.threads)],
        list(_common_fields(w, setup, steps)),
        shared_words(w, setup),
        _words(w, setup),
        _locks(w),
        # an actor visits page tables one after the other: with one each, threads differ;
        # and so they do by the ptes of their own tables or targets in their store buffers, and by
        # what is known of them
        setup.threads > 1
        and same_target
        and not (own_tables and (setup.actors or rules.memory != "sc"))
        and not (rules.neighbour and rules.memory in ("tso", "pso")),
    )


def _words(w: Any, setup: Setup) -> list[Where]:
    """Return all words through which tasks meet without a lock."""
    found: list[Where] = []
    for page in range(setup.pages):
        record = int(w[lay.H_PAGE]) + page * int(w[lay.H_PAGE_WORDS])
        ours = lay.FLAG_OURS
        found += [
            (record + lay.P_FLAGS, FLAG_BITS, 0, lay.IN_FLAGS),
            (record + lay.P_FLAGS, ours, ours.bit_length() - 1, lay.IN_MAPPING),
            (record + lay.P_MAPCOUNT, -1, 0, lay.IN_MAPCOUNT),
            (record + lay.P_REFCOUNT, -1, 0, lay.IN_REFCOUNT),
        ]
    for mapping in range(int(w[lay.H_MAPPINGS])):
        record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
        base = int(w[record + lay.M_PTE])
        for page in range(setup.pages):
            bit = page & (lay.PTE_BITS - 1)
            found.append((base + (page >> lay.PTE_SHIFT), 1 << bit, bit, lay.IN_PTE))
        found.append((_populated(w, mapping), -1, 0, lay.IN_TABLE))
    return found


def _locks(w: Any) -> dict[int, list[int]]:
    """Return where the records of each lock are."""
    size = int(w[lay.H_LINE_WORDS])
    file = int(w[lay.H_FILE])
    found: dict[int, list[int]] = {lay.LOCK_I_MMAP: [file], lay.LOCK_TREE: [file + size]}
    for mapping in range(int(w[lay.H_MAPPINGS])):
        record = int(w[lay.H_MAPPING]) + mapping * lay.M_WORDS
        mm = int(w[record + lay.M_MM]) + lay.MM_LOCKS
        found.setdefault(lay.LOCK_PTL, []).append(int(w[record + lay.M_TABLE]))
        found.setdefault(lay.LOCK_MMAP, []).append(mm + lay.LOCK_MMAP * size)
        found.setdefault(lay.LOCK_PAGE_TABLE, []).append(mm + lay.LOCK_PAGE_TABLE * size)
        found.setdefault(lay.LOCK_VMA, []).append(int(w[record + lay.M_VMA_LOCK]))
    return found


def pack_fields(
    tasks: int,
    shape: StateShape,
    memory: str,
    buffers: int,
    known: tuple[list[list[Part]], list[Part]],
) -> tuple[Packing, int]:
    """Decide where each field is packed; return how many words a thread's part has.

    ``known`` are the fields of what each task, and all together, know of words with a history.
    """
    packing = Packing()
    block = 0
    buffered = memory in ("tso", "pso")
    shared = len(shape.shared)
    for task in range(shape.threads):
        of_buffer = _buffer_fields(buffers, task, shared) if buffered else ()
        for part in (*shape.own[task], *of_buffer, *known[0][task]):
            packing.add(part)
        packing.next_word()
        block = block or packing.word
    for part in shape.common:
        packing.add(part)
    for task in range(shape.threads, tasks):
        of_buffer = _buffer_fields(buffers, task, shared) if buffered else ()
        for part in (*of_buffer, *known[0][task]):
            packing.add(part)
    for part in known[1]:
        packing.add(part)
    return packing, block
