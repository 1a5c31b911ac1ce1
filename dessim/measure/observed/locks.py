"""Tables of `perf lock contention` and `perf lock report`: waits, by lock or by who took it.

Source
------
Linux 6.12 ``tools/perf/builtin-lock.c``: ``print_header_stdio``, ``print_lock_stat_stdio``,
``print_header_csv``, ``print_result``.
"""

from __future__ import annotations

import re

from dessim.errors import counted
from dessim.measure.observed.values import (
    MAX_ROWS,
    NS_OF,
    BadRowError,
    MeasuredLock,
    Measurements,
    number,
    whole,
)

TIME = r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?) ?(ns|us|µs|ms|s|m|h)"
CONTENTION = re.compile(rf"^\s{{0,40}}([0-9]{{1,18}})\s{{1,20}}{TIME}(?=\s)(.*)$")
MORE_TIMES = re.compile(rf"^\s{{1,20}}{TIME}(?=\s|$)")
ADDRESS = re.compile(r"^(?:0x)?[0-9a-f]{12,16}$")
SECONDS = {**NS_OF, "h": 3600e9}
TYPES = (
    *("spinlock", "rwlock:R", "rwlock:W", "rwsem:R", "rwsem:W", "mutex", "rtmutex", "semaphore"),
    *("pcpu-sem:R", "pcpu-sem:W", "percpu-rwsem", "rt-mutex", "rwsem", "rwlock", "unknown"),
)

# Who waits, by the name of the lock or of the function that takes it -> category of a run's time.
# Names: include/linux/mm_types.h, mmzone.h; callers: mm/memory.c, mm/mmap_lock.c, mm/page_alloc.c,
# mm/swap.c, mm/memcontrol.c, mm/vma.c of Linux 6.1 to 6.17.
KNOWN = (
    (
        "mmap_lock",
        r"mmap_lock|mmap_sem|lock_mm_and_find_vma|do_user_addr_fault|do_page_fault|vm_mmap_pgoff"
        r"|__vm_munmap|do_munmap|do_mprotect|lock_vma_under_rcu|vm_lock|vma_start_write|exit_mmap"
        r"|mmap_read_lock|mmap_write_lock|dup_mmap|do_madvise|handle_mm_fault",
    ),
    (
        "ptl",
        r"page_table_lock|ptlock|\bptl\b|__pte_offset_map_lock|pte_offset_map|do_anonymous_page"
        r"|finish_fault|zap_pte_range|__pte_alloc|pmd_install|wp_page_copy|filemap_map_pages"
        r"|do_wp_page|set_pte_range|zap_present",
    ),
    (
        "zone_lock",
        r"zone(?:->|\.|_)?_?lock|rmqueue|free_pcppages_bulk|free_one_page|__free_pages_ok"
        r"|get_page_from_freelist|free_unref",
    ),
    (
        "lru_lock",
        r"lru_?(?:vec)?(?:->|\.|_)?_?lock|lruvec|lru_add|release_pages|folios_put_refs|folio_batch_move"
        r"|__page_cache_release|lru_deactivate|lru_move",
    ),
    ("memcg", r"mem_cgroup|memcg|page_counter|drain_all_stock"),
    ("page_lock", r"folio_lock|lock_page|folio_wait|__folio_lock|wait_on_page"),
    ("page_cache", r"i_pages|xa_lock|i_mmap|tree_lock|page_cache_ra|filemap_add"),
)
_KNOWN = tuple((category, re.compile(text)) for category, text in KNOWN)


def category_of(name: str) -> str | None:
    """Return the category of a run's time to which waits for a lock belong, or None."""
    return next((category for category, form in _KNOWN if form.search(name)), None)


class LockTableReader:
    """Reads lines of perf lock."""

    def __init__(self, measured: Measurements) -> None:
        self._measured = measured
        self._columns: list[str] | None = None
        self._separator = ""

    def line(self, line: str) -> bool:
        """Take a line; False if it is none of perf lock.

        Raises
        ------
        BadRowError
            If it begins as one, and cannot be used.
        """
        text = line.strip()
        if not text or text.startswith(("===", "Warning", "perf lock", "bad: ", "output for")):
            return True
        if text.startswith("# output:"):
            self._begin([word.strip() for word in text[9:].split(",")], ",")
            return True
        if "contended" in text and "total wait" in text:
            words = [word for word in re.split(r"\s{2,}|\s*,\s*", text) if word]
            self._begin(words, "," if "," in text else "")
            return True
        if text.startswith("#"):
            return True
        if self._columns is None:
            return False
        if len(self._measured.locks) >= MAX_ROWS:
            raise BadRowError("more than 100,000 rows")
        lock = self._separated(text) if self._separator else self._spaced(line)
        if lock is None:
            return self._summed(text)
        self._measured.locks.append(lock)
        return True

    def _begin(self, columns: list[str], separator: str) -> None:
        """Take the columns of a header."""
        missing = [name for name in ("contended", "total wait") if name not in columns]
        if missing:
            what = "separated by commas" if separator else "two spaces apart"
            raise BadRowError(f"no column {missing[0]!r} in the header: columns are {what}")
        if len(set(columns)) < len(columns):
            raise BadRowError("two columns have one name")
        self._columns, self._separator = columns, separator

    def _summed(self, text: str) -> bool:
        """Take lines below the table: totals, broken events, and rows of call chains."""
        words = (
            "total",
            "bad",
            "histogram of",
            "acquire",
            "acquired",
            "contended",
            "release",
            "0x",
        )
        return text.startswith(words) or re.match(r"^\S+\+0x[0-9a-f]{1,8}", text) is not None

    def _separated(self, text: str) -> MeasuredLock | None:
        cells = [cell.strip() for cell in text.split(self._separator)]
        columns = self._columns or []
        if len(cells) < len(columns):
            raise BadRowError(f"{counted(len(cells), 'cell')}, not {len(columns)}")
        cells[len(columns) - 1 :] = [self._separator.join(cells[len(columns) - 1 :])]
        row = dict(zip(columns, cells, strict=True))
        names = [row[key] for key in ("symbol", "caller", "Name", "name", "comm") if row.get(key)]
        wait_ns = _wait_ns(row["total wait"], "ns")
        return MeasuredLock(_plain(" ".join(names)), whole(row["contended"]), wait_ns)

    def _spaced(self, line: str) -> MeasuredLock | None:
        columns = self._columns or []
        name, text = "", line
        if columns[0] in ("Name", "name"):
            name, _, text = line.strip().partition("  ")
            if "acquired" in columns:
                text = re.sub(r"^\s*[0-9]{1,18}", " ", text, count=1)
        if name and columns.index("total wait") != columns.index("contended") + 1:
            return self._reported(name, text)  # perf lock report: the average comes first
        found = CONTENTION.match(text)
        if found is None:
            return None
        rest = found[4]
        while more := MORE_TIMES.match(rest):
            rest = rest[more.end() :]
        words = [w for w in rest.split() if w not in TYPES and not ADDRESS.match(w)]
        if not words and not name:
            raise BadRowError("a row without the name of a lock, a caller or a task")
        wait_ns = _wait_ns(found[2], found[3])
        return MeasuredLock(_plain(name or " ".join(words)), whole(found[1]), wait_ns)

    def _reported(self, name: str, text: str) -> MeasuredLock | None:
        columns = self._columns or []
        words = re.findall(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)\s?(ns|us|ms|s)?(?=\s|$)", text)
        numbers = [c for c in columns if c not in ("Name", "name", "acquired")]
        if len(words) < len(numbers):
            return None
        row = dict(zip(numbers, words, strict=False))
        wait, unit = row["total wait"]
        wait_ns = _wait_ns(wait, unit or "ns")
        return MeasuredLock(_plain(name), whole(row["contended"][0]), wait_ns)


def _wait_ns(text: str, unit: str) -> float:
    value = number(text)
    if value < 0:
        raise BadRowError("a total wait that is negative")
    return value * SECONDS[unit]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:100]


def looks_like(line: str) -> bool:
    """Return whether a line can only be of perf lock."""
    return "contended" in line and "total wait" in line
