"""Random programs in the words of schemes. They always end.

Locks are taken in one order, are dropped by whoever took them, and a page whose lock was got is
unlocked again; who waits for a page's lock holds nothing that its owner could want.
"""

from hypothesis import strategies as st

from dessim.kernel import alphabet as say
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step

LOCK_ORDER = ("mmap_lock", "page_table_lock", "ptl", "lock")
WORK = [name for name in lay.COSTS if name not in ("think", "hold")]
CONDITIONS = [*say.FLAG_CONDITIONS, *say.OTHER_CONDITIONS]
OPTION = "drawn"
SIMPLE = (
    lambda cost, word: say.work(cost),
    lambda cost, word: say.inc(word, cost),
    lambda cost, word: say.dec(word),
    lambda cost, word: say.set_pte(),
    lambda cost, word: say.populate_table(),
    lambda cost, word: say.fence(),
    lambda cost, word: say.remember(),
    lambda cost, word: say.forget(),
    lambda cost, word: say.count("recheck_lost"),
    lambda cost, word: say.unlock_page(),  # also of a page that somebody else has locked
    lambda cost, word: Step("think", 0, category="think"),
    lambda cost, word: Step("think", 1, category="hold"),
)
EXCLUSIVE_MMAP_LOCK = ("lock_local", "mmap_lock")


class Writer:
    """Writes a random program.

    Parameters
    ----------
    draw : callable
        Hypothesis' source of choices.
    words : int
        About how many steps the program has at most.
    """

    def __init__(self, draw, words: int = 30) -> None:
        self.draw = draw
        self.left = words
        self.places = 0

    def pick(self, *among):
        """Return one of some things."""
        return self.draw(st.sampled_from(among))

    def steps(self, held: int, *, waits: bool, loops: bool, jumps: bool = True) -> tuple[Step, ...]:
        """Return up to four steps with all that they govern.

        Parameters
        ----------
        held : int
            How many locks of ``LOCK_ORDER`` may no longer be taken.
        waits : bool
            Whether to wait for a page's lock is allowed.
        loops : bool
            Whether a loop over the window may begin: loops do not nest.
        jumps : bool
            Whether a touch may skip what follows.
        """
        result: tuple[Step, ...] = ()
        for _ in range(self.draw(st.integers(0, 4))):
            if self.left <= 0:
                break
            self.left -= 1
            result += self.one(held, waits=waits, loops=loops, jumps=jumps)
        return result

    def one(self, held: int, *, waits: bool, loops: bool, jumps: bool) -> tuple[Step, ...]:
        """Return one step with all that it governs, or steps that belong together."""
        kinds = ["simple", "simple", "when", "unless", "option", "trylock"]
        kinds += ["lock", "lock"] * (held < len(LOCK_ORDER))
        kinds += ["wait", "wait"] * waits
        kinds += ["each_page"] * loops
        kinds += ["touch"] * jumps
        kind = self.pick(*kinds)
        same = {"waits": waits, "loops": loops}
        if kind == "simple":
            return (self.pick(*SIMPLE)(self.pick(*WORK), self.pick(*say.WORDS)),)
        if kind in ("when", "unless"):
            cost = {"cost": self.pick(*WORK)} if kind == "when" else {}
            then, other = self.steps(held, **same), self.steps(held, **same)
            return (getattr(say, kind)(self.pick(*CONDITIONS), *then, otherwise=other, **cost),)
        if kind == "option":
            then, other = self.steps(held, **same), self.steps(held, **same)
            return (say.option(OPTION, *then, otherwise=other),)
        if kind == "each_page":
            return (say.each_page(*self.steps(held, waits=waits, loops=False)),)
        if kind == "wait":
            return (say.wait_on_page(),)
        if kind == "touch":
            return self.touch()
        return self.trylock(held, **same) if kind == "trylock" else self.locked(held, loops=loops)

    def touch(self) -> tuple[Step, ...]:
        """Return a touch of the page, mapped or not."""
        self.places += 1
        place = f"untouched {self.places}"
        return say.jump("touch", place), say.label(place)

    def trylock(self, held: int, *, waits: bool, loops: bool) -> tuple[Step, ...]:
        """Return steps with the page locked, and others if it was not to be had."""
        got = self.steps(held, waits=False, loops=False)
        busy = self.steps(held, waits=waits, loops=loops)
        busy = (say.count("trylock_lost"), *busy)
        return (say.trylock_page(*got, say.unlock_page(), busy=busy),)

    def locked(self, held: int, *, loops: bool) -> tuple[Step, ...]:
        """Return steps between taking and dropping a lock."""
        which = self.draw(st.integers(held, len(LOCK_ORDER) - 1))
        inner = self.steps(which + 1, waits=False, loops=loops)
        name = LOCK_ORDER[which]
        if name == "mmap_lock" and self.draw(st.booleans()):
            take = Step("lock", lay.LOCK_MMAP, 0, *EXCLUSIVE_MMAP_LOCK)
            drop = Step("unlock", lay.LOCK_MMAP, 0, *EXCLUSIVE_MMAP_LOCK)
            return (take, *inner, drop)
        return (say.lock(name), *inner, say.unlock(name))


def loop_program(writer: Writer) -> tuple[Step, ...]:
    """Return a program that repeats random steps for each access and ends as a thread does."""
    return (
        say.label("again"),
        say.jump("next_access", "exit"),
        Step("fault_begin", cost="exception_entry", category="entry_exit"),
        *writer.steps(0, waits=True, loops=True),
        *writer.steps(0, waits=True, loops=True),
        Step("fault_end", cost="exception_exit", category="entry_exit"),
        say.jump("iterate", "again"),
        say.label("exit"),
        say.jump("finish", "stop", category="teardown"),
        say.label("teardown"),
        say.jump("teardown_table", "teardown", category="teardown"),
        say.work("process_exit"),
        say.label("stop"),
        Step("stop", category="teardown"),
    )


def fault_parts(writer: Writer) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return a random way to fault around, and one to map the target for certain."""
    # mmap_lock is held by readers only, so that who waits for a page cannot be in anybody's way
    around = writer.steps(1, waits=True, loops=True)
    before = writer.steps(1, waits=True, loops=True)
    mapped = say.when("pte.none", say.set_pte(), otherwise=(say.count("pte_lost"),))
    return around, (*before, say.lock("ptl"), mapped, say.unlock("ptl"))
