"""Operations that choose pages and mappings for actors and munmap."""

from dessim.kernel import operation as about
from dessim.kernel.operation import RANGE
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_PICK_RANGE = operation(
    "pick_range",
    RANGE,
    "pick a range",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    picks=True,
)
OP_NEXT_IN_RANGE = operation(
    "next_in_range",
    RANGE,
    "next page of the range",
    category="page_cache",
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    loop="each_in_range",
    new_page=True,
)
OP_PICK_MAPPING = operation(
    "pick_mapping",
    RANGE,
    "pick a process",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    picks=True,
)
OP_PICK_TOUCHED = operation(
    "pick_touched",
    RANGE,
    "pick what was touched",
    private=ALWAYS,
    leaves_page=True,
    picks=True,
)
OP_NEXT_IN_TABLE = operation(
    "next_in_table",
    RANGE,
    "next page of the table",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_in_table",
    new_page=True,
)
OP_NEXT_TABLE = operation(
    "next_table",
    RANGE,
    "next table",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_table",
    new_page=True,
)
OP_FIRST_MAPPING = operation(
    "first_mapping", RANGE, "first mapping", category="page_cache", quiet=about.QUIET_ALWAYS
)
OP_NEXT_MAPPING = operation(
    "next_mapping",
    RANGE,
    "next mapping",
    category="page_cache",
    quiet=about.QUIET_ALWAYS,
    loop="each_mapping",
    opened_by="first_mapping",
)
LAST_RANGE = TABLE.last(RANGE)
