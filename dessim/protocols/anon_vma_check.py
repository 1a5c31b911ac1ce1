"""A check made before the lock: lock_vma_under_rcu() and anon_vma.

A fault checked whether its VMA has an anon_vma before it locked the VMA. mremap can take the
anon_vma away in between. The fault then looks for one at a neighbour that nobody has locked, and
munmap may free that neighbour.

version
    ``before``, ``after`` (lock first), ``test_again`` (test once more, no lock on the neighbour),
    ``mmap_lock`` (6.10: keep the VMA locked, take mmap_lock for the preparation), ``in_rcu`` (stay
    inside RCU until the neighbour was read).
threads
    Faults.
one_writer
    Whether mremap and munmap are one thread.

With ``in_rcu`` nothing is used after it was freed, but the anon_vma of an unlinked VMA may still be
adopted: ``adopted_from_dead``.

Source
------
Linux 657b5146955e ("mm: lock_vma_under_rcu() must check vma->anon_vma under vma lock", 6.5);
``mm/memory.c``, ``mm/mmap.c`` (find_mergeable_anon_vma), ``mm/mremap.c`` of 6.4.
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "threads": 1, "one_writer": True}
CHOICES = {"version": ("before", "after", "test_again", "mmap_lock", "in_rcu")}
FREED = 2

mm_seq, vma_seq, neighbour_seq = (
    variable("mm_lock_seq", 1),
    variable("v.seq"),
    variable("x.seq"),
)
has, linked, neighbour = variable("v.anon_vma", 1), variable("x linked", 1), variable("x", 1)
mmap_lock, v_lock, x_lock = rwsem("mmap_lock"), rwsem("v.lock"), rwsem("x.lock")
anon, there, found = local("anon"), local("x is linked"), local("x read")
adopted, dead = local("adopted"), local("x was unlinked")
seen, own = local("mm seq"), local("v seq")


def locked(*then):
    """Return some statements with the VMA locked for reading."""
    return (
        load(own, vma_seq),
        load(seen, mm_seq),
        when(own == seen, rcu_read_unlock(), end()),
        down_read_trylock(
            v_lock,
            load_acquire(seen, mm_seq),
            load(own, vma_seq),
            when(own == seen, up_read(v_lock), rcu_read_unlock(), end()),
            *then,
            busy=(rcu_read_unlock(), end()),
        ),
    )


def look(*behind):
    """Return a look at the neighbour."""
    return (
        load(there, linked),
        *behind,
        when(
            there == 1,
            load(found, neighbour),
            bug_on(found == FREED, "the neighbour was freed"),
            let(adopted, 1),
            when(linked == 0, let(dead, 1)),
        ),
    )


def protocol(version, threads, one_writer):
    """Return the protocol."""
    check = (load(anon, has), when(anon == 0, rcu_read_unlock(), end()))
    check_locked = (load(anon, has), when(anon == 0, up_read(v_lock), rcu_read_unlock(), end()))
    prepare = when(has == 0, *look())
    if version == "after":
        fault = locked(*check_locked, rcu_read_unlock(), prepare, up_read(v_lock))
    elif version == "test_again":
        again = when(has == 0, *look())
        fault = (*check, *locked(rcu_read_unlock(), when(has == 0, again), up_read(v_lock)))
    elif version == "mmap_lock":
        slow = down_read_trylock(mmap_lock, prepare, up_read(mmap_lock))
        fault = locked(rcu_read_unlock(), when(has == 0, slow), up_read(v_lock))
    elif version == "in_rcu":
        fault = (*check, *locked(prepare, rcu_read_unlock(), up_read(v_lock)))
    else:
        fault = (*check, *locked(rcu_read_unlock(), prepare, up_read(v_lock)))
    fault = (rcu_read_lock(), *fault)

    def write_locked(one, sequence):
        # the writer holds mmap_lock: mm_lock_seq is its own
        return (down_write(one), load(own, mm_seq), store(sequence, own), up_write(one))

    release = (load(own, mm_seq), store_release(mm_seq, own + 1))
    mremap = (
        down_write(mmap_lock),
        *write_locked(v_lock, vma_seq),
        store(has, 0),
        *release,
        up_write(mmap_lock),
    )
    munmap = (
        down_write(mmap_lock),
        *write_locked(x_lock, neighbour_seq),
        store(linked, 0),
        *release,
        up_write(mmap_lock),
        synchronize_rcu(),
        store(neighbour, FREED),
    )
    writers = [actor("mremap, munmap", *mremap, *munmap)]
    if not one_writer:
        writers = [actor("mremap", *mremap), actor("munmap", *munmap)]
    faulting = actor("fault", *fault, copies=threads)
    never = {"adopted_from_dead": (faulting[adopted] == 1) & (faulting[dead] == 1)}
    return Protocol([faulting, *writers], never=never if version == "in_rcu" else {})
