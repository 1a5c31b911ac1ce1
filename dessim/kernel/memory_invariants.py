"""What must hold of memory: each frame is in one place, and what is charged is what is used."""

from collections.abc import Iterator

from dessim.kernel import layout as lay
from dessim.kernel.addressing import frame_at
from dessim.kernel.invariants import BrokenError
from dessim.kernel.layout import World
from dessim.kernel.part_invariants import check_parts, check_parts_at_rest


def _listed(w: World, head: int, following: int) -> Iterator[int]:
    """Yield the frames of a list, from its first on."""
    while head:
        yield head
        head = w[frame_at(w, head) + following]


def zones(w: World) -> list[int]:
    """Return where the words of each node begin."""
    size, first = w[lay.H_ZONE_WORDS], w[lay.H_ZONE] + 2 * w[lay.H_LINE_WORDS]
    return [first + i * size for i in range(w[lay.H_SOCKETS])]


def cpus(w: World) -> list[int]:
    """Return the CPUs of all tasks, once each."""
    tasks = range(w[lay.H_TASKS])
    return sorted({w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_CPU] for i in tasks} - {0})


def check_lists(w: World) -> None:
    """Check that every frame is in one list, in the one that it says, and that counts agree.

    Raises
    ------
    BrokenError
        With the first list or frame that contradicts itself.
    """
    places: dict[int, int] = {}

    def note(frames: Iterator[int], where: int, count: int, name: str) -> None:
        found = list(frames)
        if len(found) != count:
            raise BrokenError(f"{name} has {len(found)} frames, and counts {count}")
        for frame in found:
            if (
                places.setdefault(frame, where) != where
                or w[frame_at(w, frame) + lay.F_WHERE] != where
            ):
                raise BrokenError(f"frame {frame} is in {name}, and elsewhere")

    for node, zone in enumerate(zones(w)):
        for each, name in ((zone, "free list"), (zone + lay.Z_LISTS_APART, "single pages")):
            free = _listed(w, w[each + lay.Z_HEAD], lay.F_NEXT)
            note(free, lay.FRAME_FREE, w[each + lay.Z_FREE], f"the {name} of node {node}")
        spare = list(_listed(w, w[zone + lay.Z_SPARE], lay.F_NEXT))
        note(iter(spare), lay.FRAME_SPARE, len(spare), f"the spare records of node {node}")
    for cpu in cpus(w):
        for each in (cpu, cpu + lay.LISTS_APART):
            listed = _listed(w, w[each + lay.U_PCP_HEAD], lay.F_NEXT)
            note(listed, lay.FRAME_ON_CPU, w[each + lay.U_PCP_COUNT], "the list of a CPU")
    mapped = [f for f in w[w[lay.H_FRAME_OF] : w[lay.H_FRAME_OF] + w[lay.H_PAGES]] if f]
    if w[lay.H_PARTS]:
        check_parts(w, mapped)
        mapped = sorted(set(mapped))
    note(iter(mapped), lay.FRAME_MAPPED, len(mapped), "page tables")
    for task in range(w[lay.H_WORKERS]):
        t = w[lay.H_TASK] + task * lay.T_WORDS
        hand = [w[t + lay.T_FRAME]] if w[t + lay.T_FRAME] else []
        note(iter(hand), lay.FRAME_IN_HAND, len(hand), f"the hand of task {task}")
        gathered = list(_listed(w, w[t + lay.T_GATHER], lay.F_NEXT))
        note(
            iter(gathered), lay.FRAME_GATHERED, w[t + lay.T_GATHERED], f"the gather of task {task}"
        )
        released = list(_listed(w, w[t + lay.T_RELEASED], lay.F_NEXT))
        note(iter(released), lay.FRAME_GATHERED, len(released), f"what task {task} frees")
    frames = w[lay.H_SOCKETS] * w[lay.H_FRAMES]
    if len(places) != frames:
        raise BrokenError(f"{frames - len(places)} frames are in no list")
    check_lru(w)


def check_lru(w: World) -> None:
    """Check that each node counts the frames on its LRU, and that none is free.

    Raises
    ------
    BrokenError
        If a node's count is another, or a free frame is on the LRU.
    """
    for node, zone in enumerate(zones(w)):
        on_lru = 0
        for frame in range(1 + node * w[lay.H_FRAMES], 1 + (node + 1) * w[lay.H_FRAMES]):
            f = frame_at(w, frame)
            on_lru += w[f + lay.F_ON_LRU]
            if w[f + lay.F_ON_LRU] and w[f + lay.F_WHERE] in (lay.FRAME_FREE, lay.FRAME_ON_CPU):
                raise BrokenError(f"frame {frame} is free, and on the LRU")
        if on_lru != w[zone + lay.Z_LRU]:
            raise BrokenError(f"node {node} counts {w[zone + lay.Z_LRU]} on the LRU of {on_lru}")


def check_memory_at_rest(w: World) -> None:
    """Check that at the end all memory is free, and nothing charged but the stocks of CPUs.

    Raises
    ------
    BrokenError
        With what is left over.
    """
    check_lists(w)
    stocks = sum(w[cpu + lay.U_STOCK] for cpu in cpus(w))
    for level in range(w[lay.H_LEVELS]):
        charged = w[w[lay.H_MEMCG] + level * w[lay.H_LINE_WORDS] + lay.COUNTED_PAGES]
        if charged != stocks:
            raise BrokenError(
                f"level {level} is charged with {charged} pages, stocks have {stocks}"
            )
    used = [f for zone in zones(w) for f in (w[zone + lay.Z_LRU],) if f]
    if used or any(w[w[lay.H_FRAME_OF] : w[lay.H_FRAME_OF] + w[lay.H_PAGES]]):
        raise BrokenError("a page of memory is mapped, or on the LRU, at the end")
    if w[lay.H_PARTS]:
        check_parts_at_rest(w)
    tasks = [w[lay.H_TASK] + i * lay.T_WORDS for i in range(w[lay.H_WORKERS])]
    counted: dict[int, int] = {}
    for t in tasks:
        counted[w[t + lay.T_MM]] = counted.get(w[t + lay.T_MM], 0) + w[t + lay.T_RSS]
        if w[t + lay.T_UNCHARGED] or w[t + lay.T_FRAME] or w[t + lay.T_GATHERED]:
            raise BrokenError("a task has memory in hand at the end")
    line = lay.MM_LOCKS + lay.MM_RSS_LINE * w[lay.H_LINE_WORDS] + lay.COUNTED_PAGES
    for mm, apart in counted.items():
        if w[mm + line] + apart:
            raise BrokenError(f"an mm counts {w[mm + line] + apart} pages at the end")
