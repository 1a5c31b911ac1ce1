"""A search from Python: its arrays grow; it can be interrupted, and taken up again."""

from typing import Any

import numpy as np

from dessim.engines import build
from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.compile import ROOTS, entries
from dessim.engines.explorer.effort import Effort, Interrupted, Seen
from dessim.engines.explorer.kept import Kept
from dessim.engines.explorer.moves import quiet_steps
from dessim.engines.explorer.outcome import Exploration, Finding, untried_of, what_failed
from dessim.engines.explorer.team import Round, Team
from dessim.engines.explorer.world import ScopeError, Small
from dessim.kernel import layout as lay

FIRST_ROOM = 1 << 14
BUDGET = 1 << 17  # states between two looks at Ctrl-C
TABLE_BYTES = 32  # of the hash table, a state, at most
KEPT = (ex.X_STATES, ex.X_DONE, ex.X_MOVES, ex.X_FULL, ex.X_VIOLATED)
"""Numbers of a search that are kept."""


def settle_threads(w: Any, x: int) -> None:
    """Carry out, for all tasks, the steps before the first one that others can see."""
    words = w if isinstance(w, list) else w.tolist()
    for task in range(int(words[lay.H_TASKS])):
        quiet_steps(words, x, task)
    words[x + ex.X_REST] = words[words[lay.H_TASK] + lay.T_PC]
    w[:] = words


class Search:
    """The arrays of a search, growing."""

    def __init__(
        self,
        small: Small,
        properties: tuple[str, ...],
        bound: int,
        symmetry: bool,
        effort: Effort,
        reduction: Any | None,
    ) -> None:
        self.small, self.x, self.properties = small, small.x, properties
        self.effort = effort
        self.w = small.w.copy()
        self.plain = build.is_plain()
        self.code = entries()
        self.livelock = "livelock" in properties
        w, x = self.w, self.x
        w[x + ex.X_WANTED] = sum(1 << small.properties.index(name) for name in properties)
        w[x + ex.X_EDGES] = int(self.livelock)
        if self.livelock or not symmetry:
            w[x + ex.X_SYMMETRIC] = 0
        if reduction is not None:
            w[x + ex.X_ENOUGH], w[x + ex.X_ENOUGH_ROW] = len(w), reduction.shape[1]
            self.w = w = np.concatenate([w, reduction.ravel()])
        each = 1 if small.rules.memory == "sc" else ex.MOVES_OF_TASK
        self.moves = int(w[lay.H_TASKS]) * each
        self.words = int(w[x + ex.X_KEYS])
        self.most_new = int(w[lay.H_TASKS]) * ex.MOVES_OF_TASK  # states found out of one
        self.asked = bound
        self.bound = min(bound, max(1, effort.bytes // self.bytes_of_state()))
        w[x + ex.X_BOUND] = self.bound
        self.resumed = 0
        self.outcome = ex.GROW
        self.lost = ""  # why it cannot be kept, in words
        self.kept = self.place_to_keep()
        self.make_room(min(FIRST_ROOM, self.most_room()))
        if self.plain:
            self.w = self.w.tolist()

    def bytes_of_state(self) -> int:
        """Return the memory of a state: its words, where it was found from, its place."""
        return 8 * (self.words + 1 + (self.moves if self.livelock else 0)) + TABLE_BYTES

    def most_room(self) -> int:
        """Return for how many states there is ever room."""
        return self.bound + 2 * self.most_new

    def make_room(self, room: int) -> None:
        """Make room for the first states."""
        self.room, self.size = room, 4 * FIRST_ROOM
        while self.size < 2 * room:
            self.size *= 2
        self.keys = self.zeros(self.room * self.words)
        self.parents = self.zeros(self.room)
        self.edges = self.zeros(self.room * self.moves if self.livelock else 1)
        self.table = self.zeros(self.size)

    def zeros(self, words: int) -> Any:
        """Return new words."""
        return [0] * words if self.plain else np.zeros(words, dtype=np.int64)

    def grown(self, words: Any, size: int) -> Any:
        """Return words with zeros behind them."""
        if self.plain:
            return words + [0] * (size - len(words))
        words.resize(size, refcheck=False)  # moves no memory if the system can map it elsewhere
        return words

    def grow(self) -> None:
        """Make room for twice as many states."""
        self.room = min(2 * self.room, self.most_room())
        self.keys = self.grown(self.keys, self.room * self.words)
        self.parents = self.grown(self.parents, self.room)
        if self.livelock:
            self.edges = self.grown(self.edges, self.room * self.moves)
        if 2 * self.room > self.size:
            self.table = None  # all of it is found again in the keys
            self.size *= 2
            self.table = self.zeros(self.size)
            self.code["insert_again"](self.w, self.x, self.keys, self.table, self.size)

    def run(self) -> Exploration:
        """Search to the end; return what was found."""
        try:
            made = self.searched()
            if self.kept is not None:
                if self.outcome == ex.BOUND:
                    self.keep()
                else:
                    self.kept.drop()
                self.kept.sweep()
        except KeyboardInterrupt:
            raise self.interrupted() from None
        finally:
            if self.kept is not None:
                self.kept.close()
        return made

    def searched(self) -> Exploration:
        """Search to the end, alone or with a team."""
        settle_threads(self.w, self.x)
        if not self.take_up():
            first = (self.w, self.x, self.keys, self.parents, self.table, self.size)
            self.code["first_state"](*first)
        team = None
        if self.effort.jobs > 1:
            team = Team(self.effort.jobs, self.w, self.x, self.code, self.zeros)
        try:
            while self.outcome == ex.GROW:
                self.outcome = self.go_on(team)
                if self.outcome == ex.GROW:
                    self.look()
        finally:
            if team is not None:
                team.close()
        return self.result()

    def go_on(self, team: Team | None) -> int:
        """Search a while; return how it ended, or GROW."""
        w, x = self.w, self.x
        done, states = int(w[x + ex.X_DONE]), int(w[x + ex.X_STATES])
        if team is not None and team.is_worth_it(states - done):
            outcome = self.together(team, done, states)
        else:
            budget = BUDGET if team is None else max(1, states - done)
            where = (w, x, self.keys, self.parents, self.edges, self.table, self.size)
            outcome = int(self.code["search_some"](*where, self.room, budget))
        if outcome == ex.BROKEN:
            why = what_failed(self.small, int(w[x + ex.X_ERROR]))
            if self.small.texts:
                raise ScopeError(f"{why}{self.way_there()}")
            raise ScopeError(f"the explorer failed: {why}")
        while int(w[x + ex.X_STATES]) + self.most_new > self.room < self.most_room():
            self.grow()
        return outcome

    def way_there(self) -> str:
        """Return how to see a state in which something failed, in words."""
        from dessim.engines.explorer.story import concrete, schedule_text

        done = int(self.w[self.x + ex.X_DONE]) - 1
        made = self.result()
        made.findings["failed"] = Finding("failed", "sometimes", None, max(done, 0), ex.NO_MOVE)
        schedule = schedule_text(self.small, concrete(made, "failed")[0])
        return f" (a step behind --replay {schedule})" if schedule else " (the first step)"

    def together(self, team: Team, done: int, states: int) -> int:
        """Let a team expand states, and take in what it finds while it expands the next ones."""
        w, x = self.w, self.x
        last = done + BUDGET
        round_ = team.start(self.keys, self.table, self.size, done, states)
        while True:
            counts, fresh = round_.wait()
            while self.room < min(states + fresh + 2 * self.most_new, self.most_room()):
                self.grow()  # nobody reads now
            done += sum(counts)
            following = None
            if done < last and team.is_worth_it(states - done):
                following = team.start(self.keys, self.table, self.size, done, states)
            outcome = self.taken_in(round_, counts)
            if outcome != ex.GO or following is None:
                if following is not None:
                    following.wait()
                return ex.GROW if outcome == ex.GO else outcome
            round_, states = following, int(w[x + ex.X_STATES])

    def taken_in(self, round_: Round, counts: list[int]) -> int:
        """Take in what a team found; return why that stopped, or GO."""
        for out, count in zip(round_.outs, counts, strict=False):
            self.w[self.x + ex.X_PLACE] = 0
            where = (self.w, self.x, self.keys, self.parents, self.edges, self.table, self.size)
            outcome = int(self.code["take_in"](*where, self.room, out, count))
            if outcome != ex.GO:
                return outcome
        return ex.GO

    def look(self) -> None:
        """Report how far it is; keep it if it is time."""
        if self.effort.watch is not None:
            self.effort.watch(self.seen())
        if self.kept is not None and not self.kept.is_broken and self.effort.is_due():
            self.keep()

    def seen(self) -> Seen:
        """Return how far it is."""
        done = int(self.w[self.x + ex.X_DONE])
        depth, state = 0, max(0, done - 1)
        while self.parents[state] >= 0:
            state = int(self.parents[state]) >> 8
            depth += 1
        return Seen(int(self.w[self.x + ex.X_STATES]), done, depth, self.resumed, self.lost)

    # --- what is kept of it -----------------------------------------------------------------------

    def place_to_keep(self) -> Kept | None:
        """Return where it is kept when it is interrupted."""
        if self.effort.keep is None:
            self.lost = "there is no cache folder that only you can write to"
            return None
        if self.plain:
            self.lost = "searches in plain Python are not kept"
            return None
        asked = self.w.copy()
        asked[self.x + ex.X_BOUND] = 0  # a search may go on with another bound
        code = build.fingerprint(ROOTS).encode()
        return Kept(self.effort.keep, code, asked.tobytes(), repr(self.properties).encode())

    def keep(self) -> bool:
        """Keep what was found; return whether it was possible, and report it if not."""
        assert self.kept is not None
        before, self.lost = self.lost, ""
        if not self.kept.keep(self.head(), self.arrays()):
            self.lost = self.kept.why
            if not before and self.effort.watch is not None:
                self.effort.watch(self.seen())
        return not self.lost

    def interrupted(self) -> Interrupted:
        """Return what to raise at Ctrl-C; what was found is kept if that is possible."""
        if self.kept is None:
            return Interrupted(0, self.lost)
        whole = self.kept.keep(self.head(), self.arrays())
        return Interrupted(self.kept.written.get("parents", 0), "" if whole else self.kept.why)

    def head(self) -> dict[str, Any]:
        """Return what is needed besides the states."""
        w, x = self.w, self.x
        witness = int(w[x + ex.X_WITNESS])
        size = 2 * len(self.small.properties)
        return {
            "bound": self.bound,
            "numbers": [int(w[x + slot]) for slot in KEPT],
            "witness": [int(word) for word in w[witness : witness + size]],
        }

    def arrays(self) -> dict[str, tuple[Any, int]]:
        """Return the arrays that are kept, as far as they are filled."""
        states, done = (int(self.w[self.x + slot]) for slot in (ex.X_STATES, ex.X_DONE))
        found = {
            "keys": (self.keys[: states * self.words], self.words),
            "parents": (self.parents[:states], 1),
        }
        if self.livelock:
            found["edges"] = (self.edges[: done * self.moves], self.moves)
        return found

    def take_up(self) -> bool:
        """Go on from where a search was interrupted, if it was; return whether it was."""
        if self.kept is None:
            return False
        sizes = {name: 8 * each for name, (_, each) in self.arrays().items()}
        head = self.kept.found(sizes)
        if head is None:
            return False
        if self.kept.written["parents"] >= self.bound != head.get("bound"):
            self.kept.close()  # it went further than this one may: leave it as it is
            self.kept, self.lost = None, "a longer search of the same is kept"
            return False
        witness = int(self.w[self.x + ex.X_WITNESS])
        numbers = [self.x + slot for slot in KEPT]
        numbers += range(witness, witness + len(head["witness"]))
        before = self.w[numbers]
        self.w[numbers] = head["numbers"] + head["witness"]
        room, states = self.room, int(self.w[self.x + ex.X_STATES])
        while room < states + self.most_new:
            room *= 2
        self.make_room(room)
        if not all(self.kept.read(name, words) for name, (words, _) in self.arrays().items()):
            self.w[numbers] = before  # damaged: begin again
            self.make_room(min(FIRST_ROOM, self.most_room()))
            return False
        self.resumed = states
        self.code["insert_again"](self.w, self.x, self.keys, self.table, self.size)
        if self.effort.watch is not None:
            self.effort.watch(self.seen())
        return True

    def find_livelock(self) -> int:
        """Return a state of a livelock, or -1."""
        states = int(self.w[self.x + ex.X_STATES])
        index, low, stack = (self.zeros(states) for _ in range(3))
        calls = self.zeros(2 * states + 2)
        return int(
            self.code["find_livelock"](
                self.w, self.x, self.edges, index, low, stack, calls, self.small.finite
            )
        )

    def result(self) -> Exploration:
        """Return what was found."""
        w, x = self.w, self.x
        states = int(w[x + ex.X_STATES])
        untried = untried_of(self.small, int(w[x + ex.X_FULL]))
        complete = int(w[x + ex.X_DONE]) == states and not untried
        if self.livelock and int(w[x + ex.X_DONE]) == states:
            state = self.find_livelock()
            if state >= 0:
                w[x + ex.X_VIOLATED] |= 1 << ex.LIVELOCK
                w[int(w[x + ex.X_WITNESS]) + 2 * ex.LIVELOCK] = state
                w[int(w[x + ex.X_WITNESS]) + 2 * ex.LIVELOCK + 1] = ex.NO_MOVE
        keys = np.asarray(self.keys[: states * self.words], dtype=np.int64)
        made = Exploration(
            self.small,
            states,
            int(w[x + ex.X_MOVES]),
            complete,
            {},
            keys.reshape(states, self.words),
            np.asarray(self.parents[:states], dtype=np.int64),
            np.asarray(self.edges[: states * self.moves]).reshape(states, -1)
            if self.livelock
            else None,
            bool(w[x + ex.X_SYMMETRIC]),
            untried,
            self.which_bound(states),
        )
        for name in self.properties:
            made.findings[name] = self.finding(name, made)
        return made

    def which_bound(self, states: int) -> str:
        """Return which bound was hit, in words."""
        if states < self.bound or int(self.w[self.x + ex.X_DONE]) == states:
            return ""
        if self.bound == self.asked:
            return f"{self.bound:,} states"
        mib = self.effort.bytes / (1 << 20)
        size = f"{mib:.0f} MiB" if mib < 1000 else f"{mib / 1024:.1f} GiB"
        return f"{states:,} states, which fill {size} of memory"

    def finding(self, name: str, made: Exploration) -> Finding:
        """Return the verdict on a property."""
        w, x = self.w, self.x
        which = self.small.properties.index(name)
        if not (int(w[x + ex.X_VIOLATED]) >> which) & 1:
            return Finding(name, "never" if made.complete else "unknown", None, -1, -1)
        witness = int(w[x + ex.X_WITNESS]) + 2 * which
        state, last = int(w[witness]), int(w[witness + 1])
        steps = len(made.path(state)) - 1 + (last != ex.NO_MOVE)
        if int(w[x + ex.X_FULL]) & ex.FULL_MERGED and not self.is_real(made, state):
            return Finding(name, "unknown", None, -1, -1)
        return Finding(name, "sometimes", steps, state, last)

    def is_real(self, made: Exploration, state: int) -> bool:
        """Return whether no value was taken for another on the way to a state."""
        from dessim.engines.explorer.story import is_exact

        return is_exact(made, made.path(state))
