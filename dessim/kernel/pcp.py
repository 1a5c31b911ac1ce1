"""How many frames go between a CPU's list and its zone at once, and how long the list may grow.

Up to Linux 6.6 the list takes a batch when it is empty. When it is as long as its mark it gives a
batch back, twice as much each time as long as nothing is allocated. From 6.7 on it takes twice as
much each time, too, as long as nothing is freed, and gives back as much as was freed in a row. Its
mark grows by whatever the zone has to deliver, up to a share of the node.

Where folios and single pages go side by side a CPU has a list of each, with sizes of its own. The
functions take ``cpu`` from where the words of a list count: that of the CPU for the first, and
``LISTS_APART`` behind it for the other (``pcp_list_of``).

Source
------
Linux 6.1 and 6.12 ``mm/page_alloc.c``: ``nr_pcp_alloc`` (6.7 on), ``nr_pcp_high``, ``nr_pcp_free``,
``free_unref_page_commit``, ``rmqueue_pcplist``; restated.
"""

from dessim.kernel.layout import *


def pcp_list_of(w: World, t: int, single: int) -> int:
    """Return from where the words of a list of the task's CPU count: of folios, or single pages."""
    return w[t + T_CPU] + single * LISTS_APART


def size_of(w: World, cpu: int, which: int) -> int:
    """Return a size of a list of free frames: ``H_PCP_*``."""
    return w[which + w[cpu + U_PCP_SIZES]]


def batch_of(w: World, cpu: int) -> int:
    """Return the frames that go between a list and its zone at once, at least."""
    return size_of(w, cpu, H_PCP_BATCH)


def tunes(w: World, cpu: int) -> int:
    """Return whether the mark of a list grows with use."""
    return size_of(w, cpu, H_PCP_MOST) > size_of(w, cpu, H_PCP_HIGH)


def mark_of(w: World, cpu: int) -> int:
    """Return the frames of a CPU's list from which some go back: ``pcp->high``."""
    return max(w[cpu + U_PCP_MARK], size_of(w, cpu, H_PCP_HIGH))


def grown_mark(w: World, cpu: int) -> int:
    """Return a mark that tunes itself after a refill: higher, no zone would have been asked."""
    most = size_of(w, cpu, H_PCP_MOST)
    return min(mark_of(w, cpu) + (batch_of(w, cpu) << w[cpu + U_PCP_FACTOR]), most)


def frames_to_take(w: World, cpu: int) -> int:
    """Return how many frames an empty list asks its zone for: ``nr_pcp_alloc``."""
    batch = batch_of(w, cpu)
    if not tunes(w, cpu):
        return batch
    room = grown_mark(w, cpu) - w[cpu + U_PCP_COUNT] - batch
    return min(batch << w[cpu + U_PCP_FACTOR], max(room, batch))


def note_taken(w: World, cpu: int) -> None:
    """Raise the mark, and double the next refill if this one was not cut short.

    Refills of folios (``order > 0``) are never doubled.
    """
    if not tunes(w, cpu):
        return
    doubled = batch_of(w, cpu) << w[cpu + U_PCP_FACTOR]
    whole = doubled == frames_to_take(w, cpu)
    w[cpu + U_PCP_MARK] = grown_mark(w, cpu)
    large = w[H_ANON] > 1 and w[cpu + U_PCP_SIZES] == 0
    if whole and not large and w[cpu + U_PCP_FACTOR] < size_of(w, cpu, H_PCP_SCALE):
        w[cpu + U_PCP_FACTOR] += 1


def frames_to_give(w: World, cpu: int) -> int:
    """Return how many frames a list gives back that has reached its mark: ``nr_pcp_free``."""
    batch = batch_of(w, cpu)
    wanted = w[cpu + U_PCP_FREED] if tunes(w, cpu) else batch << w[cpu + U_PCP_FACTOR]
    return max(batch, min(wanted, mark_of(w, cpu) - batch))


def note_given(w: World, cpu: int) -> None:
    """Raise the mark above what was freed in a row; without tuning double the next batch."""
    batch, factor = batch_of(w, cpu), w[cpu + U_PCP_FACTOR]
    if tunes(w, cpu):
        needed = min(w[cpu + U_PCP_FREED] + batch, size_of(w, cpu, H_PCP_MOST))
        w[cpu + U_PCP_MARK] = max(mark_of(w, cpu), needed)
    elif factor < size_of(w, cpu, H_PCP_SCALE) and (
        batch << factor < size_of(w, cpu, H_PCP_HIGH) - batch
    ):
        w[cpu + U_PCP_FACTOR] += 1


def note_allocated(w: World, cpu: int) -> None:
    """Let a batch that goes back be smaller: a frame was allocated."""
    if tunes(w, cpu):
        w[cpu + U_PCP_FREED] >>= 1
    else:
        w[cpu + U_PCP_FACTOR] >>= 1


def note_freed(w: World, cpu: int, frames: int) -> None:
    """Count frames that were freed in a row; each halves the doublings of the next refill."""
    if tunes(w, cpu):
        w[cpu + U_PCP_FACTOR] >>= frames
        most = batch_of(w, cpu) << size_of(w, cpu, H_PCP_SCALE)
        w[cpu + U_PCP_FREED] = min(w[cpu + U_PCP_FREED] + frames, most)
