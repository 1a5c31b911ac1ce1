"""Operations of exec: files that are mapped and unmapped under their i_mmap_rwsem."""

from dessim.kernel import layout as lay
from dessim.kernel.operation import EXEC
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_PICK_FILE = operation(
    "pick_file",
    EXEC,
    "the binary",
    category="exec",
    private=ALWAYS,
    remembers=lay.T_OBJECT,
)
OP_NEXT_FILE = operation(
    "next_file",
    EXEC,
    "the loader, a library",
    category="exec",
    private=ALWAYS,
    loop="each_file",
    opened_by="pick_file",
)
OP_LINK_VMA = operation(
    "link_vma",
    EXEC,
    "vma_interval_tree_insert()",
    own_delay=True,
    cost="link_vma",
    category="i_mmap",
    private=ALWAYS,
)
OP_NEXT_LINK = operation(
    "next_link",
    EXEC,
    "the next mapping",
    category="exec",
    private=ALWAYS,
    loop="each_link",
)
OP_UNLINK_VMAS = operation(
    "unlink_vmas",
    EXEC,
    "vma_interval_tree_remove()",
    own_delay=True,
    category="i_mmap",
    private=ALWAYS,
)
OP_NEXT_UNLINK = operation(
    "next_unlink",
    EXEC,
    "the next mapping",
    category="exec",
    private=ALWAYS,
    loop="each_unlink",
)
LAST_EXEC = TABLE.last(EXEC)
