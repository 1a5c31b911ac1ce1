"""What must hold of folios of which a part is mapped, and of the queues on which they wait."""

from collections import Counter
from collections.abc import Iterable

from dessim.kernel import layout as lay
from dessim.kernel.addressing import frame_at, part_at
from dessim.kernel.invariants import BrokenError
from dessim.kernel.layout import World


def queues_of(w: World) -> list[int]:
    """Return where the words of each deferred split queue begin, behind its lock record."""
    size = w[lay.H_LINE_WORDS] + lay.SPLIT_WORDS
    return [w[lay.H_SPLIT] + i * size + w[lay.H_LINE_WORDS] for i in range(w[lay.H_SPLIT_QUEUES])]


def check_parts(w: World, mapped: Iterable[int]) -> None:
    """Check the mapped pages that frames count, the folios that queues count, and all memory.

    Parameters
    ----------
    w : sequence of int
    mapped : iterable of int
        The frame of each page that has one.

    Raises
    ------
    BrokenError
        With the first count that is wrong.
    """
    pages = Counter(mapped)
    deferred = memory = 0
    for frame in range(1, w[lay.H_SOCKETS] * w[lay.H_FRAMES] + 1):
        part = part_at(w, frame)
        memory += w[part + lay.FP_PAGES]
        if w[part + lay.FP_MAPPED] != pages[frame]:
            raise BrokenError(f"frame {frame} counts {w[part + lay.FP_MAPPED]} of {pages[frame]}")
        if pages[frame] > w[part + lay.FP_PAGES]:
            raise BrokenError(f"frame {frame} is mapped at {pages[frame]} pages, and is smaller")
        in_part = 0 < pages[frame] < w[part + lay.FP_PAGES]
        leaves = w[frame_at(w, frame) + lay.F_WHERE] == lay.FRAME_GATHERED
        if w[part + lay.FP_DEFERRED] and not in_part and not leaves:
            raise BrokenError(f"frame {frame} waits to be split, and is not mapped in part")
        deferred += w[part + lay.FP_DEFERRED]
    queued = sum(w[queue + lay.SPLIT_LENGTH] for queue in queues_of(w))
    if queued != deferred:
        raise BrokenError(f"deferred split queues count {queued} folios of {deferred}")
    if w[lay.H_MEMORY] != memory:
        raise BrokenError(f"memory has {memory} pages of {w[lay.H_MEMORY]}")


def check_parts_at_rest(w: World) -> None:
    """Check that at the end no folio waits to be split.

    Raises
    ------
    BrokenError
        If a queue is not empty.
    """
    if any(w[queue + lay.SPLIT_LENGTH] for queue in queues_of(w)):
        raise BrokenError("a folio waits to be split at the end")
