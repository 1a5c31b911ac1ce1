"""What must hold of a file larger than memory: frames are conserved, and lists say what is so.

Each frame is in one place. Each page in the page cache has one frame, and that frame names it. The
lists of a node are whole in both directions and hold as many frames as they count.
"""

from dessim.kernel import layout as lay
from dessim.kernel.addressing import frame_at
from dessim.kernel.invariants import BrokenError
from dessim.kernel.layout import World
from dessim.kernel.memory_invariants import cpus, zones


def _own(w: World, task: int) -> int:
    return w[w[lay.H_PAGING] + lay.G_TASK] + task * lay.X_WORDS


def _walk(w: World, head: int, word: int) -> list[int]:
    """Return the frames of a list in order.

    Raises
    ------
    BrokenError
        If it does not end.
    """
    found = []
    most = w[lay.H_SOCKETS] * w[lay.H_FRAMES]
    while head:
        found.append(head)
        if len(found) > most:
            raise BrokenError("a list of frames goes round in a circle")
        head = w[frame_at(w, head) + word]
    return found


def _check_lru(w: World, node: int, zone: int) -> list[int]:
    """Return the frames on a node's LRU lists.

    Raises
    ------
    BrokenError
        If a list counts, links or holds what is not so.
    """
    listed = []
    for which in (lay.LRU_INACTIVE, lay.LRU_ACTIVE):
        place = zone + lay.Z_LIST + (which - lay.LRU_INACTIVE) * lay.LIST_WORDS
        found = _walk(w, w[place + lay.LIST_NEWEST], lay.F_NEXT)
        back = _walk(w, w[place + lay.LIST_OLDEST], lay.F_PREV)
        name = f"LRU list {which} of node {node}"
        if found != back[::-1] or len(found) != w[place + lay.LIST_COUNT]:
            raise BrokenError(
                f"{name} has {len(found)} frames, {len(back)} backwards, and counts"
                f" {w[place + lay.LIST_COUNT]}"
            )
        for frame in found:
            f = frame_at(w, frame)
            if w[f + lay.F_ON_LRU] != which or (frame - 1) // w[lay.H_FRAMES] != node:
                raise BrokenError(f"frame {frame} is on {name} and says something else")
        listed += found
    return listed


def _places(w: World) -> dict[str, list[int]]:
    """Return where all frames are that hold no page of the file."""
    places: dict[str, list[int]] = {}
    for node, zone in enumerate(zones(w)):
        free = places[f"the free list of node {node}"] = _walk(w, w[zone + lay.Z_HEAD], lay.F_NEXT)
        if len(free) != w[zone + lay.Z_FREE]:
            raise BrokenError(
                f"node {node} has {len(free)} free frames, not {w[zone + lay.Z_FREE]}"
            )
    for cpu in cpus(w):
        listed = places[f"the list of CPU {cpu}"] = _walk(w, w[cpu + lay.U_PCP_HEAD], lay.F_NEXT)
        if len(listed) != w[cpu + lay.U_PCP_COUNT]:
            raise BrokenError(f"a CPU has {len(listed)} frames, not {w[cpu + lay.U_PCP_COUNT]}")
    for task in range(w[lay.H_TASKS]):
        t = w[lay.H_TASK] + task * lay.T_WORDS
        places[f"what task {task} frees"] = _walk(w, w[t + lay.T_RELEASED], lay.F_NEXT)
    return places


def _hands(w: World) -> set[int]:
    """Return the frames that tasks have just allocated."""
    records = range(w[lay.H_TASK], w[lay.H_TASK] + w[lay.H_TASKS] * lay.T_WORDS, lay.T_WORDS)
    return {w[t + lay.T_FRAME] for t in records} - {0}


def check_paging(w: World) -> None:
    """Check frames, lists and page cache of a World between two events.

    Raises
    ------
    BrokenError
        With the first frame, list or page that contradicts another.
    """
    places = _places(w)
    pages = range(w[lay.H_PAGES])
    holds = {w[w[lay.H_FRAME_OF] + page]: page for page in pages if w[w[lay.H_FRAME_OF] + page]}
    places["the page cache"] = list(holds)
    _check_pages(w, holds)
    places["hands"] = sorted(_hands(w) - set(holds))  # inserted, and not yet waiting for the LRU
    seen: dict[int, str] = {}
    for name, frames in places.items():
        for frame in frames:
            if frame in seen:
                raise BrokenError(f"frame {frame} is in {seen[frame]} and in {name}")
            seen[frame] = name
    if len(seen) != w[lay.H_SOCKETS] * w[lay.H_FRAMES]:
        raise BrokenError(f"{w[lay.H_SOCKETS] * w[lay.H_FRAMES] - len(seen)} frames are nowhere")
    _check_lists(w, set(holds))


def _check_pages(w: World, holds: dict[int, int]) -> None:
    """Check that pages in the page cache and their frames name each other."""
    cached = 0
    for page in range(w[lay.H_PAGES]):
        record = w[lay.H_PAGE] + page * w[lay.H_PAGE_WORDS]
        ours = bool(w[record + lay.P_FLAGS] & lay.FLAG_OURS)
        cached += ours
        if ours != bool(w[w[lay.H_FRAME_OF] + page]):
            raise BrokenError(f"page {page} is in the page cache without a frame, or the reverse")
    if cached != len(holds):
        raise BrokenError("two pages have one frame")
    for frame, page in holds.items():
        if w[frame_at(w, frame) + lay.F_PAGE] != page + 1:
            raise BrokenError(f"frame {frame} does not name page {page}, which it holds")


def _check_lists(w: World, holds: set[int]) -> None:
    """Check that each cached page is on one LRU list, waits for it, or is being looked at."""
    listed: list[int] = []
    for node, zone in enumerate(zones(w)):
        listed += _check_lru(w, node, zone)
    for cpu in cpus(w):
        waiting = _walk(w, w[cpu + lay.U_LRU_HEAD], lay.F_LRU_NEXT)
        if len(waiting) != w[cpu + lay.U_LRU_COUNT]:
            raise BrokenError(
                f"{len(waiting)} pages wait for the LRU, not {w[cpu + lay.U_LRU_COUNT]}"
            )
        listed += waiting
    for task in range(w[lay.H_TASKS]):
        x = _own(w, task)
        for word in (lay.X_ISOLATED, lay.X_KEPT):
            listed += _walk(w, w[x + word], lay.F_NEXT)
    listed += sorted(_hands(w) & holds)
    if len(listed) != len(set(listed)) or set(listed) != holds:
        raise BrokenError(
            f"{len(listed)} pages are on LRU lists or on the way, {len(holds)} are cached"
        )


def check_paging_at_rest(w: World) -> None:
    """Check that at the end no task has frames in hand and no command waits.

    Raises
    ------
    BrokenError
        With what is left over.
    """
    check_paging(w)
    for task in range(w[lay.H_TASKS]):
        t, x = w[lay.H_TASK] + task * lay.T_WORDS, _own(w, task)
        words = (t + lay.T_FRAME, t + lay.T_RELEASED, x + lay.X_ISOLATED, x + lay.X_KEPT)
        if any(w[word] for word in (*words, x + lay.X_RUN)):
            raise BrokenError(f"task {task} has pages in hand at the end")
    for device in range(w[w[lay.H_PAGING] + lay.G_DEVICES]):
        if w[w[w[lay.H_PAGING] + lay.G_DEVICE] + device * lay.Q_WORDS + lay.Q_HEAD]:
            raise BrokenError("a command waits for the device at the end")
