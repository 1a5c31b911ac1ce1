"""Words, programs and a search through all orders of steps: nothing here knows of pages.

A state is a tuple: shared words, then for each task where it stands and what is in its store
buffer. A step is a function of a mutable copy of the state. It returns ``BLOCKED`` if it cannot be
taken now, or the number of the way that the program goes on.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

BLOCKED = None
END = -1
Words = list
Step = Callable[[Words], "int | None"]


@dataclass(frozen=True)
class If:
    """A step that decides, and what follows either way."""

    test: Step
    yes: Sequence[object]
    no: Sequence[object] = ()


@dataclass(frozen=True)
class Label:
    """A place in a program."""

    name: str


@dataclass(frozen=True)
class Goto:
    """Go on at a label."""

    name: str


Program = Sequence[object]


def compiled(program: Program) -> tuple[int, list[tuple[Step, tuple[int, int]]]]:
    """Return where a program begins, and each step with the two ways to go on."""
    code: list[list] = []
    places: dict[str, int | str] = {}

    def flat(block: Program, after: int | str) -> int | str:
        """Put a block into the code, last step first, and return where it begins."""
        for item in reversed(block):
            if isinstance(item, Label):
                places[item.name] = after
            elif isinstance(item, Goto):
                after = item.name
            elif isinstance(item, If):
                code.append([item.test, (flat(item.no, after), flat(item.yes, after))])
                after = len(code) - 1
            else:
                code.append([item, (after, after)])
                after = len(code) - 1
        return after

    def place(at: int | str) -> int:
        """Return the step that a label stands before."""
        while isinstance(at, str):
            at = places[at]
        return at

    start = flat(program, END)
    return place(start), [(step, (place(no), place(yes))) for step, (no, yes) in code]


class Machine:
    """Memory with tasks, each of which may have a store buffer (x86-TSO)."""

    def __init__(self, memory: str = "sc") -> None:
        self.tso = {"sc": False, "tso": True}[memory]
        self.values: list[object] = []
        self.tasks: list[Task] = []

    def word(self, value: int = 0) -> int:
        """Return the place of a new word."""
        self.values.append(value)
        return len(self.values) - 1

    def task(self) -> "Task":
        """Return a new task, which has no program yet."""
        self.tasks.append(Task(self))
        return self.tasks[-1]

    def reachable(
        self, ended: Callable[[tuple], bool] = lambda _: False
    ) -> Iterable[tuple[tuple, bool, bool]]:
        """Yield each state that can be reached, whether it is at rest, and whether it is stuck.

        Nothing comes after a state for which ``ended`` holds.
        """
        first = tuple(self.values)
        seen, waiting = {first}, [first]
        running = [(task.pc, task.code) for task in self.tasks]
        buffers = [task.buffer for task in self.tasks] if self.tso else []
        while waiting:
            state = waiting.pop()
            if ended(state):
                yield state, False, False
                continue
            following = []
            for pc, code in running:
                if state[pc] == END:
                    continue
                step, ways = code[state[pc]]
                words = list(state)
                way = step(words)
                if way is not BLOCKED:
                    words[pc] = ways[way]
                    following.append(tuple(words))
            following += [drained(state, buffer) for buffer in buffers if state[buffer]]
            over = all(state[pc] == END for pc, _ in running)
            yield state, over and not following, not over and not following
            for new in following:
                if new not in seen:
                    seen.add(new)
                    waiting.append(new)


def drained(state: tuple, buffer: int) -> tuple:
    """Return the state in which the oldest store of a buffer has reached memory."""
    (word, adds, value), *rest = state[buffer]
    words = list(state)
    words[word] = words[word] + value if adds else value
    words[buffer] = tuple(rest)
    return tuple(words)


class Task:
    """A task's ways to read and write. Each method returns a step, but ``load``."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.tso = machine.tso
        self.pc = machine.word(END)
        self.buffer = machine.word()
        machine.values[self.buffer] = ()
        self.code: list = []

    def run(self, program: Program) -> None:
        """Let the task run a program."""
        self.machine.values[self.pc], self.code = compiled(program)

    def load(self, word: int) -> Callable[[Words], int]:
        """Return how the task reads a word: its own stores are seen at once."""
        if not self.tso:
            return lambda words: words[word]

        def forwarded(words: Words) -> int:
            value = words[word]
            for where, adds, new in words[self.buffer]:
                if where == word:
                    value = value + new if adds else new
            return value

        return forwarded

    def store(self, word: int, value: int, *, adds: bool = False) -> Step:
        """Return a store; with ``adds`` an increment that is no barrier."""

        def at_once(words: Words) -> int:
            words[word] = words[word] + value if adds else value
            return 0

        def later(words: Words) -> int:
            words[self.buffer] += ((word, adds, value),)
            return 0

        return later if self.tso else at_once

    def atomic(self, step: Step) -> Step:
        """Return a locked instruction: it waits until the task's own stores are in memory."""
        if not self.tso:
            return step
        return lambda words: BLOCKED if words[self.buffer] else step(words)

    def add(self, word: int, value: int) -> Step:
        """Return a locked addition."""

        def locked_add(words: Words) -> int:
            words[word] += value
            return 0

        return self.atomic(locked_add)

    def swap(self, word: int, old: int, new: int, *, waits: bool = False) -> Step:
        """Return a compare and swap: it decides, or it waits until it can succeed."""

        def compare_and_swap(words: Words) -> int | None:
            if words[word] != old:
                return BLOCKED if waits else 0
            words[word] = new
            return 1

        return self.atomic(compare_and_swap)

    def fence(self) -> Step:
        """Return a full barrier."""
        return self.atomic(lambda _: 0)
