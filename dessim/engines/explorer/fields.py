"""What belongs to a state: the words of a World that decide what comes next, and their bits."""

from collections.abc import Iterator
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.orders import Rules, operation_of
from dessim.kernel import layout as lay
from dessim.kernel.operands import REGISTERS, VALUES
from dessim.kernel.ops import OPERATIONS
from dessim.kernel.setup import Setup

KNOWN_WORDS = frozenset((lay.T_GANG, lay.T_NOTED, lay.T_FOLIO_REFS))
OPERATIONS_BY_WORD = {row.remembers: row.name for row in OPERATIONS}

Part = tuple[int, int, int, int, int]  # address, kind, low, mask, extra


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
        yield bits(t + lay.T_GANG, 0, pages)
    if lay.T_NOTED in remembered:
        yield value(t + lay.T_NOTED, 0, VALUES**REGISTERS - 1)


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
    if any(_is_about_a_number(row) for row in program_of(w)):
        yield value(record + lay.P_DATA, 0, VALUES - 1)


def _is_about_a_number(row: Any) -> bool:
    """Return whether an instruction loads the number of a page, or stores to it."""
    order = operation_of(row).ordered(int(row[lay.I_A]), int(row[lay.I_B]))
    return bool((order.loads | order.stores) & lay.IN_DATA)


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
        yield value(entry + ex.E_KIND, 0, 4)
        yield value(entry + ex.E_VALUE, -4, 11)


def shared_words(w: Any, setup: Setup) -> list[tuple[int, int]]:
    """Return the words through which tasks meet, and what their changes are: store, sum, bit."""
    found = []
    for page in range(setup.pages):
        record = int(w[lay.H_PAGE]) + page * int(w[lay.H_PAGE_WORDS])
        found += [
            (record + lay.P_FLAGS, ex.SET_BIT),
            (record + lay.P_MAPCOUNT, ex.ADD),
            (record + lay.P_REFCOUNT, ex.ADD),
            (record + lay.P_DATA, 0),
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


def pack_fields(
    w: Any,
    setup: Setup,
    rules: Rules,
    buffers: int,
    shared: int,
    known: tuple[list[list[Part]], list[Part]],
) -> tuple[Packing, int]:
    """Decide where each field is packed; return how many words a thread's part has.

    ``known`` are the fields of what each task, and all together, know of words with a history.
    """
    packing = Packing()
    block = 0
    steps = len(program_of(w))
    buffered = rules.memory == "tso"
    for task in range(setup.threads):
        for part in _thread_fields(w, task, setup, rules, steps):
            packing.add(part)
        if buffered:
            for part in _buffer_fields(buffers, task, shared):
                packing.add(part)
        for part in known[0][task]:
            packing.add(part)
        packing.next_word()
        block = block or packing.word
    for part in _common_fields(w, setup, steps):
        packing.add(part)
    if buffered:
        for task in range(setup.threads, int(w[lay.H_TASKS])):
            for part in _buffer_fields(buffers, task, shared):
                packing.add(part)
    for part in (part for own in known[0][setup.threads :] for part in own):
        packing.add(part)
    for part in known[1]:
        packing.add(part)
    return packing, block
