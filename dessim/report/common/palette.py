"""Colours, markers and dashes of series, the same in figures for paper and for the screen."""

from __future__ import annotations

# M. Okabe, K. Ito, *Color Universal Design*, 2008; yellow, which is faint on paper, comes last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", "h")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (1.5, 1), (5, 1, 1, 1), (8, 1.5))
"""Lengths of dashes and gaps in line widths; none is a solid line."""

# Category -> word, colour, hatch: each looks the same in every figure; in grey, those that are
# often side by side differ by their hatch.
CATEGORY_LOOKS = {
    "user": ("user", "#D0D0D0", ""),
    "entry_exit": ("entry and exit", "#0072B2", ""),
    "mmap_lock": ("mmap_sem", "#D55E00", "//////"),
    "ptl": ("page-table lock", "#E69F00", "\\\\\\\\\\"),
    "page_lock": ("asleep on page locks", "#009E73", "....."),
    "page_lines": ("struct-page lines", "#CC79A7", ""),
    "lookup": ("page-cache lookup", "#56B4E9", "||||||"),
    "map": ("mapping", "#F0E442", ""),
    "page_table": ("page tables", "#56B4E9", "//////"),
    "memory_bandwidth": ("memory bandwidth", "#E69F00", "......"),
    "teardown": ("teardown", "#707070", ""),
    "think": ("think", "#D0D0D0", ""),
    "hold": ("hold", "#0072B2", ""),
    "lock": ("waiting for the lock", "#D55E00", "//////"),
    "run_queue": ("waiting for a CPU", "#000000", ""),
    "tlb": ("TLB misses", "#FFFFFF", "xxxxxx"),
    "shootdown": ("TLB shootdowns", "#CC79A7", "xxxxxx"),
    "page_cache": ("page-cache changes", "#56B4E9", "......"),
    "idle": ("idle", "#F8F8F8", ""),
    "zone_lock": ("zone lock", "#D55E00", "xxxxxx"),
    "lru_lock": ("LRU lock", "#009E73", "//////"),
    "memcg": ("memory cgroup", "#F0E442", "......"),
    "frames": ("allocating and freeing", "#0072B2", "......"),
    "zeroing": ("zeroing and copying", "#707070", "//////"),
    "asleep": ("asleep on an rwsem", "#FFFFFF", "......"),
    "fork": ("fork", "#CC79A7", "//////"),
    "exec": ("exec", "#0072B2", "oo"),
    "i_mmap": ("i_mmap_rwsem", "#F0E442", "oo"),
    "mremap": ("mremap", "#E69F00", "////"),
    "split": ("splitting folios", "#009E73", "oo"),
    "reclaim": ("taking pages back", "#D55E00", "oo"),
    "device": ("waiting for the device", "#56B4E9", "oo"),
}
UNSEEN = ("#FFFFFF", "++++++")
"""Colour and hatch of a category that is not in the list above."""


def place_of(category: str) -> int:
    """Place of a category among the others of a bar: known ones in order, then the rest."""
    known = list(CATEGORY_LOOKS)
    return known.index(category) if category in known else len(known)
