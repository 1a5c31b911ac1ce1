"""What depends on what in a program: by locals, and by branches that decide what is carried out."""

from collections.abc import Sequence
from typing import Any

from dessim.engines.explorer.locals import locals_of
from dessim.kernel import layout as lay
from dessim.kernel.ops import OP_SET_LOCAL


class Dependencies:
    """Which locals instructions use and set, a bit each, and what hangs on a load by them.

    Attributes
    ----------
    used, written : list of int
        Of each instruction.
    """

    def __init__(self, rows: Any, code: Sequence[tuple[int, int]]) -> None:
        both = [locals_of(row, code) for row in rows]
        self.rows = rows
        self.used = [one[0] for one in both]
        self.written = [one[1] for one in both]

    def behind(self, ways: list[list[int]], load: int) -> dict[int, int]:
        """Return, for each place behind a load, the locals that depend on it on all ways there."""
        found: dict[int, int] = {}
        todo = [(other, self.written[load]) for other in ways[load]]
        while todo:
            place, tainted = todo.pop()
            known = found.get(place)
            now = tainted if known is None else known & tainted
            if now == known:
                continue
            found[place] = now
            after = now & ~self.written[place]
            if self.rows[place, lay.I_OP] == OP_SET_LOCAL and self.used[place] & now:
                after |= self.written[place]
            todo += [(other, after) for other in ways[place]]
        return found


def meeting(ways: list[list[int]], place: int) -> int | None:
    """Return where all ways behind a branch meet again: its nearest post-dominator."""
    if len(set(ways[place])) == 1:
        return ways[place][0]
    reached = [_closure(ways, start) for start in ways[place]]
    common = set.intersection(*reached)
    for candidate in reached_in_order(ways, ways[place][0]):
        if candidate in common and all(
            candidate in _closure(ways, start) and not _avoids(ways, start, candidate)
            for start in ways[place]
        ):
            return candidate
    return None


def _closure(ways: list[list[int]], start: int) -> set[int]:
    return set(reached_in_order(ways, start))


def reached_in_order(ways: list[list[int]], start: int, without: int = -1) -> list[int]:
    """Return what can be reached from a place, nearest first."""
    if start == without:
        return []
    found, seen = [start], {start}
    for place in found:
        for other in ways[place]:
            if other not in seen and other != without:
                seen.add(other)
                found.append(other)
    return found


def _avoids(ways: list[list[int]], start: int, place: int) -> bool:
    """Return whether a program can end, or go round for ever, without coming to a place."""
    reached = reached_in_order(ways, start, place)
    return any(not ways[other] or ways[other] == [other] for other in reached)
