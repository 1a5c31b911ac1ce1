"""Actor ``map_unmap``: a thread of a process maps a region of its own, and unmaps it, at a rate.

It writes mmap_lock twice a round, and the tree of mappings, while others of its mm fault. Under
locks of VMAs these go on, since it marks none of theirs; they meet it where they look at the lines
of the mm. With ``touched`` it has used the ``range_pages`` pages of its region: munmap flushes them
on all CPUs that run the mm.

Each round is in a process drawn at random. Where faults write, latencies of its calls are recorded
apart from those of the workload's threads.

Source
------
As ``remap``: Linux 6.12 ``mm/vma.c: __mmap_region, do_vmi_align_munmap, vms_complete_munmap_vmas``.
Left out: the faults of this thread, its pages, and the lock of its own VMA, whose line is at hand
(``vma_start_write``). Where faults read, mapping and unmapping both take ``kernel.map_stack``.
"""

from dessim.actors.remap import OWNER, RELEASE_VMAS
from dessim.kernel.alphabet import Step, count, lock, option, unlock, work
from dessim.kernel.memory_words import call, downgrade, flush_own, write_tree
from dessim.kernel.write_programs import FAULTS_WRITE

OPTIONS = {"touched": False}
ALONGSIDE_WRITES = True

MAP = (
    option(FAULTS_WRITE, work("system_call")),
    lock("mmap_lock_write"),
    OWNER,
    write_tree(),
    option(FAULTS_WRITE, work("map_region"), otherwise=(work("map_stack"),)),
    RELEASE_VMAS,
    OWNER,
    unlock("mmap_lock_write"),
)
UNMAP = (
    option(FAULTS_WRITE, work("system_call")),
    lock("mmap_lock_write"),
    OWNER,
    write_tree(),
    option(FAULTS_WRITE, work("unmap_region"), otherwise=(work("map_stack"),)),
    RELEASE_VMAS,
    downgrade("mmap_lock"),
    OWNER,
    option("touched", flush_own()),
    unlock("mmap_lock"),
)

ACTOR = (
    Step("pick_mapping", category="idle"),
    count("invalidations"),
    option(
        FAULTS_WRITE,
        *call("writer", *MAP),
        *call("writer", *UNMAP),
        otherwise=(*MAP, *UNMAP),
    ),
)
