"""What tasks wait for in a World: which lock or line a step wants, and a number for each."""

from __future__ import annotations

from collections.abc import Callable

from dessim.kernel import layout as lay
from dessim.kernel.addressing import lock_at, own_lock, owner_at, rss_at, table_at, vma_cache_at
from dessim.kernel.layout import World
from dessim.kernel.operands import LOCKS
from dessim.kernel.ops import OPERATIONS, OPS
from dessim.measure.recording.history import NO_RESOURCE, Resource

LOCK_NAMES = {lock.which: name.removesuffix("_write") for name, lock in LOCKS.items()}


class Resources:
    """Numbers and names of all that is waited for; a resource gets a number when it is first met.

    Parameters
    ----------
    w : list of int
        The World before its first event.
    """

    def __init__(self, w: World) -> None:
        self.all: list[Resource] = []
        self.places: list[int] = []
        self.known: dict[tuple[str, int], int] = {}
        tasks = range(w[lay.H_TASKS])
        self.mms = sorted({w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_MM] for i in tasks})
        mappings = range(max(1, w[lay.H_MAPPINGS]))
        base = w[lay.H_MAPPING] + lay.M_TABLE
        self.tables = [w[base + i * lay.M_WORDS] for i in mappings]
        self.pmd_locks = [w[w[lay.H_MAPPING] + i * lay.M_WORDS + lay.M_PMD] for i in mappings]
        self.vma_locks = [w[w[lay.H_MAPPING] + i * lay.M_WORDS + lay.M_VMA_LOCK] for i in mappings]

    def number(self, kind: str, place: int, name: Callable[[], str]) -> int:
        """Return the number of a resource."""
        key = (kind, place)
        if key not in self.known:
            self.known[key] = len(self.all)
            self.places.append(place)
            self.all.append(Resource(kind, name(), keeps_all=not kind.endswith("line")))
        return self.known[key]

    def lock(self, w: World, t: int, which: int, suffix: str = "") -> int:
        """Number of a lock, or with the suffix `` line`` of its cache line, as a task sees it."""
        place = lock_at(w, t, which)
        kind = LOCK_NAMES[which] + suffix
        return self.number(kind, place, lambda: self._lock_name(w, which, place))

    def line(self, w: World, t: int, i: int) -> int:
        """Number of the cache line that a step asks for, or NO_RESOURCE: as in ``delays``."""
        line = OPERATIONS[w[i + lay.I_OP]].line
        if line == lay.NO_LINE:
            return NO_RESOURCE
        if line == lay.PAGE_LINE:
            page = w[t + lay.T_CURSOR]
            return self.number("page line", page, lambda: str(page))
        if line == lay.LOCK_LINE:
            which = w[i + lay.I_A]
            return NO_RESOURCE if own_lock(w, t, which) else self.lock(w, t, which, " line")
        if line == lay.MMAP_LINE:
            return self.lock(w, t, lay.LOCK_MMAP, " line")
        if line == lay.VMA_LINE:
            place = vma_cache_at(w, t)
            return self.number("vma cache line", place, lambda: self._mm_name(place))
        if line == lay.RSS_LINE:
            place = rss_at(w, t)
            return self.number("rss line", place, lambda: self._mm_name(place))
        if line == lay.OWNER_LINE:
            place = owner_at(w, t)
            return self.number("owner line", place, lambda: self._mm_name(place))
        if line == lay.LRU_SIZES_LINE:
            node = int(w[t + lay.T_SOCKET])
            return self.number("lru sizes line", node, lambda: f"of node {node}")
        if line == lay.MEMCG_LINE:
            level = w[i + lay.I_A]
            return self.number("page counter line", level, lambda: f"of level {level}")
        if line == lay.PTE_LINE:
            place = table_at(w, t)
            if w[t + lay.T_OWN_TABLES]:
                return NO_RESOURCE
            return self.number("pte line", place, lambda: self._table_name(w, place))
        raise ValueError(f"nobody knows the line of {OPS[w[i + lay.I_OP]]!r}")

    def page_lock(self, page: int) -> int:
        """Number of a page's lock."""
        return self.number("page lock", page, lambda: str(page))

    def cpu(self, w: World, t: int) -> int:
        """Number of a task's CPU."""
        cpu = (w[t + lay.T_CPU] - w[lay.H_CPU]) // lay.U_WORDS
        return self.number("cpu", cpu, lambda: str(cpu))

    def device(self) -> int:
        """Number of the device's queue, for which its idle slots wait."""
        return self.number("work", 0, lambda: "for the device")

    def _lock_name(self, w: World, which: int, place: int) -> str:
        if which == lay.LOCK_PTL and w[lay.H_SPLIT_PTL]:
            return self._table_name(w, place)
        if which == lay.LOCK_PAGE_TABLE and w[lay.H_SPLIT_PMD]:
            return self._pmd_name(w, place)
        if which == lay.LOCK_VMA:
            return f"of mapping {self.vma_locks.index(place)}"
        if which in (lay.LOCK_ZONE, lay.LOCK_LRU):
            return f"of node {(place - w[lay.H_ZONE]) // w[lay.H_ZONE_WORDS]}"
        if which == lay.LOCK_FILE:
            return f"of file {(place - w[lay.H_OBJECT]) // w[lay.H_OBJECT_WORDS]}"
        return "" if which >= lay.LOCK_FREE_STANDING else self._mm_name(place)

    def _mm_name(self, place: int) -> str:
        if len(self.mms) == 1:
            return ""
        return f"of mm {max(i for i, base in enumerate(self.mms) if base <= place)}"

    def _pmd_name(self, w: World, place: int) -> str:
        start = max(base for base in self.pmd_locks if base <= place)
        page = (place - start) // w[lay.H_LINE_WORDS]
        return f"of mapping {self.pmd_locks.index(start)}, PMD page {page}"

    def _table_name(self, w: World, place: int) -> str:
        mapping = max(i for i, base in enumerate(self.tables) if base <= place)
        table = (place - self.tables[mapping]) // w[lay.H_TABLE_WORDS]
        return f"of mapping {mapping}, table {table}"
