"""The names and numbers of dessim's tables as a header for the programs in C.

The programs in C spell no list of costs, categories or counters, and no constant of the World: they
include what is written here when they are built.
"""

from collections.abc import Iterable

from benchmarks.world_file import SCALARS
from dessim.kernel import cost_table, lines
from dessim.kernel import layout as lay

CONSTANTS = (
    *("UNCACHED", "SHARED", "MODIFIED", "LINE_LOAD", "LINE_STORE", "LINE_RMW"),
    *("SAME_CORE", "SAME_L3", "SAME_SOCKET", "ONE_HOP", "TWO_HOPS", "SIBLING", "N_DISTANCES"),
    *("FLAG_LOCKED", "FLAG_UPTODATE", "FLAG_OURS", "FLAG_READAHEAD", "LOCK_MCS"),
    *("HAND_OVER_RACING", "HAND_OVER_FAIR"),
    *("DRAW_READ", "DRAW_ARBITRATE", "DRAW_THINK", "DRAW_HOLD"),
    *("TABLE_PAGES", "FLIGHT_SLOTS", "STREAM_LINES", "SLOTS_SHIFT", "PARENT_SHIFT"),
    *("HIST_SUB_BITS", "HIST_BUCKETS", "SERIES_BINS", "SERIES_FIRST_SHIFT", "QUANTILE_KNOTS"),
    *("ASLEEP", "ENDED"),
)
LISTS = {
    "COSTS": cost_table.COSTS,
    "CATEGORIES": lay.CATEGORIES,
    "COUNTERS": lay.COUNTERS,
    "SCALARS": SCALARS,
}


def header() -> str:
    """Return the header: an enum of constants, and a list `NAME(X)` of each table's names."""
    values = {name: int(getattr(lay, name)) for name in CONSTANTS}
    values["ARBITER_SCAN"] = lines.ARBITER_SCAN
    constants = (f"    {name} = {value}," for name, value in values.items())
    lists = (f"#define {name}(X) {_calls(names)}" for name, names in LISTS.items())
    return "\n".join(("#pragma once", "enum {", *constants, "};", *lists)) + "\n"


def _calls(names: Iterable[str]) -> str:
    return " ".join(f"X({name})" for name in names)
