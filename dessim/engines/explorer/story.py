"""A schedule as a story: which task does what, in words that kernel people read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.buffers import reach_memory
from dessim.engines.explorer.explore import Exploration, settle_threads
from dessim.engines.explorer.moves import move
from dessim.engines.explorer.search import bugs, is_possible
from dessim.engines.explorer.states import pack, unpack
from dessim.engines.explorer.watch import inspect
from dessim.engines.explorer.wording import wording, wording_of_store
from dessim.engines.explorer.world import ScopeError, Small
from dessim.kernel import layout as lay

STORE_MARK = "w"


@dataclass(frozen=True)
class StoryLine:
    """One step of a story.

    Attributes
    ----------
    task : int
    text : str
    wrong : tuple of str
        Properties that are violated for the first time by this step.
    """

    task: int
    text: str
    wrong: tuple[str, ...] = ()


class Walk:
    """A small World in plain Python, in one state at a time."""

    def __init__(self, small: Small) -> None:
        self.small, self.x = small, small.x
        self.w: list[int] = small.w.tolist()
        settle_threads(self.w, self.x)
        self.symmetric = self.w[self.x + ex.X_SYMMETRIC]
        self.fired = ""

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return self.w[lay.H_TASKS]

    def key(self, *, symmetric: bool = False) -> tuple[int, ...]:
        """Return the packed state."""
        w, x = self.w, self.x
        w[x + ex.X_SYMMETRIC] = self.symmetric if symmetric else 0
        pack(w, x)
        first = w[x + ex.X_KEY]
        return tuple(w[first : first + w[x + ex.X_KEYS]])

    def go_to(self, key: Sequence[int]) -> None:
        """Put a packed state back."""
        unpack(self.w, self.x, list(key), 0)
        self.fired = ""

    def possible(self) -> list[int]:
        """Return the moves that can be made."""
        last = self.tasks * ex.MOVES_OF_TASK
        found = [action for action in range(last) if is_possible(self.w, self.x, action)]
        if self.w[self.x + ex.X_MODEL] != ex.LKMM:
            return found
        return [action for action in found if self.is_granted(action)]

    def is_granted(self, action: int) -> bool:
        """Return whether a move can be made after all: whether nothing refuses it on the way."""
        before, fired = list(self.w), self.fired
        self.make(action)
        granted = not self.w[self.x + ex.X_REFUSED]
        self.w[:], self.fired = before, fired
        return granted

    def make(self, action: int) -> None:
        """Make a move."""
        w, x = self.w, self.x
        task, which = divmod(action, ex.MOVES_OF_TASK)
        bug1 = w[lay.H_COUNT] + lay.N_BUG1
        before = w[bug1]
        all_before = bugs(w)
        if which and w[x + ex.X_MODEL] == ex.TSO:
            reach_memory(w, x, task, which - 1)
        else:
            w[x + ex.X_REFUSED] = 0
            move(w, x, task, which)
        if bugs(w) != all_before:
            self.fired = "bug1" if w[bug1] != before else "bug2"

    def wrong(self) -> tuple[str, ...]:
        """Return the properties that the present state violates."""
        found = inspect(self.w, self.x)
        known = self.small.properties
        names = [name for k, name in enumerate(known) if (found >> k) & 1]
        return tuple([self.fired] * bool(self.fired) + names)


def lines_of(small: Small, schedule: Sequence[int]) -> list[StoryLine]:
    """Return what happens in a schedule, step by step.

    Raises
    ------
    ScopeError
        If a move of the schedule is not possible; the message says which, and who could move.
    """
    walk = Walk(small)
    lines: list[StoryLine] = []
    seen: set[str] = set()
    for number, action in enumerate(schedule):
        possible = walk.possible() if not walk.fired else []
        if action not in possible:
            could = ", ".join(token(small, other) for other in possible) or "nobody"
            raise ScopeError(
                f"step {number + 1} of the schedule, {token(small, action)!r}, is impossible:"
                f" {could} could move"
            )
        task, which = divmod(action, ex.MOVES_OF_TASK)
        if which and walk.w[walk.x + ex.X_MODEL] == ex.TSO:
            text = wording_of_store(walk, task, which - 1)
            walk.make(action)
        else:
            text = wording(walk, action) + (" (finds an older value)" if which else "")
        wrong = tuple(name for name in walk.wrong() if name not in seen)
        seen.update(wrong)
        lines.append(StoryLine(task, text, wrong))
    return lines


def is_exact(made: Exploration, path: Sequence[int]) -> bool:
    """Return whether a way from state to state takes no value of a word for another.

    The state to which a move leads is the same if the move took one for another and if it did not
    have to: so the moves are repeated, and what they had to do is looked at.
    """
    walk = Walk(made.small)
    walk.symmetric = int(made.symmetric)
    x = walk.x
    for before, after in pairwise(path):
        walk.go_to([int(word) for word in made.keys[before]])
        wanted = tuple(int(word) for word in made.keys[after])
        walk.w[x + ex.X_FULL] = 0
        walk.make(int(made.parents[after]) & 255)
        if walk.w[x + ex.X_FULL] & ex.FULL_MERGED or walk.key(symmetric=True) != wanted:
            return False
    return True


def concrete(made: Exploration, name: str) -> tuple[list[int], int]:
    """Return the shortest schedule, with concrete tasks, that violates a property.

    Returns
    -------
    schedule : list of int
        Moves. For a livelock: the way there, and once around.
    circle : int
        How many of the last moves are the circle of a livelock; else 0.
    """
    finding = made.findings[name]
    walk = Walk(made.small)
    if not made.symmetric:
        walk.symmetric = 0
    schedule = []
    for state in made.path(finding.state)[1:]:
        wanted = tuple(int(word) for word in made.keys[state])
        here = walk.key()
        for action in walk.possible():
            walk.make(action)
            if not walk.fired and walk.key(symmetric=True) == wanted:
                schedule.append(action)
                break
            walk.go_to(here)
        else:
            raise AssertionError("a stored state cannot be reached again")
    if finding.last != ex.NO_MOVE:
        here = walk.key()
        for action in walk.possible():
            walk.make(action)
            if walk.fired == name:
                schedule.append(action)
                break
            walk.go_to(here)
    circle = round_trip(made, finding.state) if name == "livelock" else []
    return schedule + circle, len(circle)


def round_trip(made: Exploration, start: int) -> list[int]:
    """Return moves from a state of a livelock back to it, in which everybody has a turn or waits.

    Raises
    ------
    AssertionError
        If the state is on no such circle.
    """
    members = _component(made, start)
    tasks = int(made.small.w[lay.H_TASKS])
    each = made.edges.shape[1] // tasks
    here, moves = start, []
    for task in range(tasks):
        way = _way(made, here, members, _has_turn(made, members, task, each))
        if way is None:
            raise AssertionError(f"task {task} starves: this is no fair circle")
        moves += way[0]
        here = way[1]
    back = _way(made, here, members, lambda _, after, __: after == start)
    if here != start and back is not None:
        moves += back[0]
    return [number * (ex.MOVES_OF_TASK // each) for number in moves]


def _has_turn(made: Exploration, members: set[int], task: int, each: int) -> Any:
    def test(before: int, after: int, number: int) -> bool:
        if number >= 0 and number // each == task:
            return True
        moves = made.edges[after][task * each : (task + 1) * each]
        return all(int(led_to) == -1 for led_to in moves)

    return test


def _component(made: Exploration, start: int) -> set[int]:
    """Return the states that can be reached from a state and from which it can be reached."""
    forward = _closure(made.edges, start)
    back: dict[int, list[int]] = {}
    for state in forward:
        for led_to in made.edges[state]:
            if led_to >= 0:
                back.setdefault(int(led_to), []).append(state)
    found, todo = {start}, [start]
    while todo:
        for state in back.get(todo.pop(), []):
            if state not in found:
                found.add(state)
                todo.append(state)
    return found


def _closure(edges: Any, start: int) -> set[int]:
    found, todo = {start}, [start]
    while todo:
        for led_to in edges[todo.pop()]:
            if led_to >= 0 and int(led_to) not in found:
                found.add(int(led_to))
                todo.append(int(led_to))
    return found


def _way(
    made: Exploration, start: int, members: set[int], arrived: Any
) -> tuple[list[int], int] | None:
    """Return the shortest way inside a component to where a test holds, and where it ends."""
    if arrived(start, start, -1):
        return [], start
    came: dict[int, tuple[int, int]] = {}
    queue = [start]
    for state in queue:
        for number, led_to in enumerate(made.edges[state]):
            after = int(led_to)
            if after not in members:
                continue
            fresh = after not in came and after != start
            if fresh:
                came[after] = (state, number)
                queue.append(after)
            if arrived(state, after, number):
                way, at = [number], state
                while at != start:
                    at, number = came[at][0], came[at][1]
                    way.append(number)
                return way[::-1], after
    return None


# --- schedules as text ---------------------------------------------------------------------------


def name_of(small: Small, task: int) -> str:
    """Return what a task is called in a schedule: 1, 2, 3 for threads, a, b for actors."""
    return small.names[task]


def token(small: Small, action: int) -> str:
    """Return a move as text: a task, or a task and which of its stores reaches memory."""
    task, which = divmod(action, ex.MOVES_OF_TASK)
    return name_of(small, task) + (f"{STORE_MARK}{which}" if which else "")


def schedule_text(small: Small, schedule: Sequence[int]) -> str:
    """Return a schedule as text."""
    return "-".join(token(small, action) for action in schedule)


def read_schedule(small: Small, text: str) -> list[int]:
    """Return the moves of a schedule that was written down.

    Raises
    ------
    ScopeError
        If there is no such move; the message says which there are.
    """
    last = int(small.w[lay.H_TASKS]) * ex.MOVES_OF_TASK
    known = {token(small, action): action for action in range(last)}
    schedule = []
    for number, word in enumerate(text.split("-")):
        if word.strip() not in known:
            found = word.strip()[:40]
            tasks = [name for name in known if STORE_MARK not in name]
            raise ScopeError(
                f"step {number + 1} of the schedule, {found!r}, matches no task: tasks are"
                f" {', '.join(tasks)}; {tasks[0]}{STORE_MARK}1 lets a store reach memory"
            )
        schedule.append(known[word.strip()])
    return schedule
