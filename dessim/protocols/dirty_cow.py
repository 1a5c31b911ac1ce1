"""Dirty COW: a forced write whose retries change their own question (CVE-2016-5195).

The mapping is of a file, private, without write permission. ``get_user_pages`` with FOLL_WRITE and
FOLL_FORCE faults until a page exists that it may write. ``faultin_page`` dropped FOLL_WRITE once
the page had been copied. If MADV_DONTNEED removes the copy in between, the next fault is a read and
finds the page of the file. The fix remembers that the page was copied (FOLL_COW) and requires a
dirty pte, which only the copy has.

version
    ``before``, ``after``, ``no_dirty_test`` (after, without requiring the dirty pte),
    ``keep_ptl`` (before, with the page-table lock kept from the fault to the write).
reader
    A thread that reads the page, and so maps the page of the file.
write_locked
    MADV_DONTNEED with mmap_lock for writing.
threads
    Forced writes.

Source
------
Linux 19be0eaffa3a ("mm: remove gup_flags FOLL_WRITE games from __get_user_pages()", 4.9);
``mm/gup.c`` (follow_page_pte, faultin_page), ``mm/memory.c`` (do_cow_fault, do_wp_page).
"""

from dessim.kernel.protocol import *

OPTIONS = {"version": "before", "reader": False, "write_locked": False, "threads": 1}
CHOICES = {"version": ("before", "after", "no_dirty_test", "keep_ptl")}
NONE, FILE, COPY = 0, 1, 2  # what the pte maps: the copy is read-only and dirty


def protocol(version, reader, write_locked, threads):
    """Return the protocol."""
    pte, page = variable("pte"), variable("page of the file")
    mmap_lock, ptl = rwsem("mmap_lock"), spinlock("ptl")
    wants_write, copied, seen = local("wants_write"), local("copied"), local("pte seen")

    dirty = 1 if version == "no_dirty_test" else seen == COPY
    good = (seen != NONE) & ((wants_write == 0) | ((copied == 1) & dirty))
    write = when(seen == FILE, store(page, 1))
    cow_break = let(copied, 1) if version in ("after", "no_dirty_test") else let(wants_write, 0)
    fault = when(
        (seen == NONE) & (wants_write == 1),
        store(pte, COPY),
        otherwise=(
            when(seen == NONE, store(pte, FILE)),
            when((seen == FILE) & (wants_write == 1), store(pte, COPY)),  # do_wp_page
            when((seen != NONE) & (wants_write == 1), cow_break),
        ),
    )
    look = (lock(ptl), load(seen, pte))
    if version == "keep_ptl":
        looked = (*look, when(good, write, unlock(ptl), leave()), fault, load(seen, pte))
        looked += (when(seen == COPY, unlock(ptl), leave()), unlock(ptl))
    else:
        looked = (*look, when(good, write, unlock(ptl), leave()), unlock(ptl))
        looked += (lock(ptl), load(seen, pte), fault, unlock(ptl))
    forced = (let(wants_write, 1), down_read(mmap_lock), loop(*looked), up_read(mmap_lock))
    take, drop = (down_write, up_write) if write_locked else (down_read, up_read)
    zap = (lock(ptl), store(pte, NONE), unlock(ptl))
    actors = [
        actor("forced write", *forced, copies=threads),
        actor("MADV_DONTNEED", take(mmap_lock), *zap, drop(mmap_lock)),
    ]
    if reader:
        read = (lock(ptl), when(pte == NONE, store(pte, FILE)), unlock(ptl))
        actors.append(actor("reader", down_read(mmap_lock), *read, up_read(mmap_lock)))
    return Protocol(actors, never={"file_written": page != 0})
