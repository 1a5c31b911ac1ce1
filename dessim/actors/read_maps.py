"""Actor ``read_maps``: somebody outside reads /proc/PID/maps of a process, at a rate.

A round is one read() of a page of text, some forty mappings, of a process drawn at random. All of
it is under mmap_lock for reading: who writes that lock waits, and faults under it queue behind the
writer. With ``per_vma`` (Linux 6.17 and later) each mapping is locked by itself for its line of
text, and nobody waits for mmap_lock: a look at the line of mm_lock_seq is left.

Source
------
Linux 6.12 ``fs/proc/task_mmu.c`` (``m_start``, ``m_next``, ``m_stop``, ``show_map_vma``),
``fs/seq_file.c: seq_read_iter`` (a buffer of a page); 6.17 ``lock_next_vma``. Left out: the VMA's
own lock, whose writer waits for one line of text; the walk of the tree, which nobody changes under
the lock; d_path's locks.
"""

from dessim.actors.remap import OWNER
from dessim.kernel.alphabet import Step, count, lock, option, unlock, work
from dessim.kernel.memory_words import use_owner

OPTIONS = {"per_vma": False}
ALONGSIDE_WRITES = True

LINES = 40  # of text in a page: 4 KiB of some hundred bytes each
SHOW = work("show_vma")

ACTOR = (
    Step("pick_mapping", category="idle"),
    count("invalidations"),
    option(
        "per_vma",
        *(use_owner(stores=False), SHOW) * LINES,
        otherwise=(lock("mmap_lock"), OWNER, *(SHOW,) * LINES, unlock("mmap_lock")),
    ),
)
