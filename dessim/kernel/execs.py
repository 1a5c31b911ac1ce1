"""exec maps files and the end of an mm unmaps them, each time under the file's i_mmap_rwsem.

All mappings of a file, of all processes, are in its tree. Putting one in walks the tree down from
its root; each mapping on the way was, for all we know, changed by another core: a line a level.
Taking one out changes it and its neighbours.

Source
------
Linux 6.6 and 6.12 ``mm/mmap.c``, ``mm/vma.c``: ``vma_link``, ``vma_prepare`` and ``vma_complete``
(a split), ``unlink_file_vma``; 6.11 ``unlink_file_vma_batch_add`` (3577dbb19241);
``include/linux/interval_tree_generic.h``; ``lib/rbtree.c``: ``__rb_erase_augmented``.
"""

from dessim.kernel.addressing import cost_ps, object_at
from dessim.kernel.bits import highest_bit
from dessim.kernel.cost_table import COST_UNLINK_VMA
from dessim.kernel.frame_delays import NO_RULE
from dessim.kernel.layout import *
from dessim.kernel.lines import core_distance, line_cost
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS

ERASE_LINES = 3  # the mapping's own node of the tree, its parent, its child or successor


def tree_line_ps(w: World, t: int, access: int) -> int:
    """Return ps of a line of a file's tree: it comes from the other core that changed it last.

    Changes of this core in between were elsewhere in the tree: mappings of a file that follow each
    other in one process are parts of the file that lie far apart in the tree.
    """
    o = object_at(w, t)
    changer = w[o + O_CHANGER]
    if changer == w[t + T_CORE] + 1:
        changer = w[o + O_OTHER]
    if changer == 0:
        return 0
    return line_cost(w, access, MODIFIED, core_distance(w, t, changer - 1))


def levels_of(vmas: int) -> int:
    """Return the levels of a balanced tree of so many nodes."""
    return highest_bit(vmas) + 1


def link_ps(w: World, t: int) -> int:
    """Return ps to walk a file's tree down to where a mapping belongs."""
    return levels_of(w[object_at(w, t) + O_VMAS]) * tree_line_ps(w, t, LINE_LOAD)


def unlinked_now(w: World, t: int) -> int:
    """Return how many mappings of the file this section takes out: a batch, or those left."""
    left = w[H_FILE_VMAS] - w[t + T_SECTION] * w[H_UNLINKS]
    return left if left < w[H_UNLINKS] else w[H_UNLINKS]


def unlink_ps(w: World, t: int) -> int:
    """Return ps to take mappings out of a file's tree."""
    each = cost_ps(w, t, COST_UNLINK_VMA) + ERASE_LINES * tree_line_ps(w, t, LINE_STORE)
    return unlinked_now(w, t) * each


def exec_delay_ps(w: World, t: int, op: int) -> int:
    """Return ps by the rule of a step of exec, or NO_RULE."""
    if op == OP_LINK_VMA:
        return link_ps(w, t)
    if op == OP_UNLINK_VMAS:
        return unlink_ps(w, t)
    return NO_RULE


def change_tree(w: World, t: int) -> None:
    """Note which core has changed the tree of a file, and which did before it."""
    o = object_at(w, t)
    core = w[t + T_CORE] + 1
    if w[o + O_CHANGER] != core:
        w[o + O_OTHER] = w[o + O_CHANGER]
        w[o + O_CHANGER] = core


def link_vma(w: World, t: int) -> None:
    """Put a mapping in the file's tree, or split one that goes again: only some of them stay."""
    if w[t + T_SECTION] < w[H_FILE_VMAS]:
        w[object_at(w, t) + O_VMAS] += 1
    change_tree(w, t)


def unlink_vmas(w: World, t: int) -> None:
    """Take a batch of mappings out of the file's tree."""
    w[object_at(w, t) + O_VMAS] -= unlinked_now(w, t)
    change_tree(w, t)


def exec_step(w: World, t: int, i: int) -> int:
    """Carry out a step of exec."""
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_PICK_FILE:
        w[t + T_OBJECT] = w[t + T_OBJECTS]
        w[t + T_SECTION] = 0
    elif op == OP_NEXT_FILE:
        w[t + T_SECTION] = 0
        w[t + T_OBJECT] += w[H_OBJECT_WORDS]
        if w[t + T_OBJECT] < w[t + T_OBJECTS] + w[H_OBJECTS] * w[H_OBJECT_WORDS]:
            w[t + T_PC] = target
    elif op == OP_LINK_VMA:
        link_vma(w, t)
    elif op == OP_UNLINK_VMAS:
        unlink_vmas(w, t)
    elif op == OP_NEXT_LINK:
        w[t + T_SECTION] += 1
        if w[t + T_SECTION] < w[H_LINKS]:
            w[t + T_PC] = target
    elif op == OP_NEXT_UNLINK:
        w[t + T_SECTION] += 1
        if w[t + T_SECTION] * w[H_UNLINKS] < w[H_FILE_VMAS]:
            w[t + T_PC] = target
    else:
        return MEANINGLESS
    return GO_ON
