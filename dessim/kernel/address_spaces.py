"""Regions of an mm that are mapped, written and unmapped while others fault in them.

Source
------
Linux 6.6, 6.12 and 6.15 ``include/linux/mm.h``, ``mmap_lock.h`` (``vma_start_read``,
``vma_start_write``, ``vma_end_write_all``, ``mmap_write_downgrade``), ``mm/mmap.c``,
``mm/vma.c`` (``do_vmi_align_munmap``, ``vms_complete_munmap_vmas``).
"""

from dessim.kernel.addressing import lock_at, vma_at
from dessim.kernel.answers import flush_everywhere
from dessim.kernel.contpte import flush_blocks
from dessim.kernel.folio_parts import note_parts, to_flush
from dessim.kernel.frames import zap_frames
from dessim.kernel.layout import *
from dessim.kernel.locks import let_readers_in
from dessim.kernel.ops import *
from dessim.kernel.pages import GO_ON, MEANINGLESS
from dessim.kernel.rwsem import downgrade_rwsem


def region_step(w: World, task: int, i: int, done: int) -> int:
    """Carry out a step about the mappings of an mm: who may use them, and their end."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    if (
        op == OP_USE_MM
        or op == OP_USE_OWNER
        or op == OP_FETCH_MM
        or op == OP_AWAIT_FETCH
        or op == OP_LOAD_LOCK
    ):
        pass  # the line is all that matters
    elif op == OP_VMA_WRITTEN:
        if w[vma_at(w, t) + M_SEQ] != w[w[t + T_MM] + MM_SEQ]:
            w[t + T_PC] = w[i + I_TARGET]
    elif op == OP_MARK_VMA:
        w[vma_at(w, t) + M_SEQ] = w[w[t + T_MM] + MM_SEQ]
    elif op == OP_END_VMA_WRITES:
        w[w[t + T_MM] + MM_SEQ] += 1
    elif op == OP_WRITE_TREE:
        w[w[t + T_MM] + MM_WRITER] = w[t + T_CORE] + 1
    elif op == OP_DOWNGRADE:
        if w[H_RWSEM]:
            downgrade_rwsem(w, t, w[i + I_A], done)
        else:
            let_readers_in(w, task, lock_at(w, t, w[i + I_A]), done)
    elif op == OP_ZAP_FRAMES:
        zap_frames(w, t, done)
        if w[H_PARTS]:
            note_parts(w, t, w[i + I_B] & ONLY_PMD)
    elif op == OP_FLUSH_REGION:
        pages = to_flush(w, t)
        w[t + T_CLEARED] = 0
        return flush_everywhere(w, task, w[t + T_VISITED], w[t + T_PAGE], pages)
    elif op == OP_ZAP_PTE:
        pass  # they go all at once, when each has taken its time
    elif op == OP_CONVERT_BLOCKS:
        pass  # the pages stay mapped as they are
    elif op == OP_FLUSH_BLOCKS:
        return flush_blocks(w, task, w[i + I_A])
    elif op == OP_FLUSH_OWN:  # pages behind those of all others: nobody else has them
        return flush_everywhere(w, task, w[t + T_VISITED], w[H_PAGES], w[t + T_RANGE])
    else:
        return MEANINGLESS
    return GO_ON
