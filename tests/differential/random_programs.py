"""Random programs in the words of schemes. They always end.

Locks are taken in one order, those whose waiters sleep first; they are dropped by whoever took
them, and a page whose lock was got is unlocked again; who waits for a page's lock holds nothing
that its owner could want. ``Wild`` programs do anything else, with a page cache that does not
matter to them; ``Tame`` programs leave counts and flags of pages as the shipped ones do.
"""

from hypothesis import strategies as st

from dessim import registry
from dessim.actors import exit
from dessim.kernel import alphabet as say
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.operation import NOTHING, PAGE
from dessim.kernel.ops import OPERATIONS

LOCK_ORDER = (
    ("mmap_lock", "mmap_lock_write"),
    ("vma_lock", "vma_lock_write"),
    ("i_mmap_mutex",),
    ("page_table_lock",),
    ("ptl",),
    ("tree_lock",),
    ("lock",),
)
AFTER_MMAP, AFTER_VMA = 1, 2
WORK = [name for name in cost_table.COSTS if name not in ("think", "hold")]
FLAG_CONDITIONS = (
    *("page.uptodate", "page.unlocked", "page.unlocked_uptodate", "page.ours"),
    *("page.ours_uptodate", "page.readahead", "page.unlocked_uptodate_no_readahead"),
    "page.uptodate_no_readahead",
)
CONDITIONS = [*FLAG_CONDITIONS, *say.OTHER_CONDITIONS]
OPTION = "drawn"


def shipped_operations() -> set[int]:
    """Return the operations in the programs of all shipped schemes: those are run anyway."""
    found = set()
    for name in registry.names():
        words = registry.thread_program(registry.load(name), {}, 4).words
        found.update(words[lay.I_OP :: lay.I_WORDS])
    return found


def rest_of(group: str) -> list[str]:
    """Return what the table has beyond them, without operands: a new row is drawn as well."""
    shipped = shipped_operations()
    return [
        row.name
        for number, row in enumerate(OPERATIONS)
        if row.group == group
        and number not in shipped
        and not (row.decides or row.listing or row.waits_for or row.locking)
    ]


MARKS = (lay.FLAG_UPTODATE, lay.FLAG_OURS, lay.FLAG_READAHEAD)
TAME = (
    lambda cost, word, flag: (say.work(cost), say.work(f"my_{cost}", f"{len(cost) * 7}ns")),
    lambda cost, word, flag: (say.inc(word, cost), say.dec(word)),
    lambda cost, word, flag: (say.remember(),),
    lambda cost, word, flag: (say.forget(),),
    lambda cost, word, flag: (say.count("recheck_lost"),),
    lambda cost, word, flag: (say.note(cost == "rmap"),),
    *(lambda cost, word, flag, op=op: (Step(op),) for op in rest_of(NOTHING)),
)
WILD = (
    *TAME,
    lambda cost, word, flag: (say.inc(word, cost),),
    lambda cost, word, flag: (say.dec(word),),
    lambda cost, word, flag: (say.clear_pte(),),
    lambda cost, word, flag: (say.set_pte(),),
    lambda cost, word, flag: (say.populate_table(),),
    *(lambda cost, word, flag, op=op: (Step(op),) for op in rest_of(PAGE)),
    lambda cost, word, flag: (say.unlock_page(),),  # also of a page that somebody else has locked
    lambda cost, word, flag: (say.set_flags(flag, 0),),
    lambda cost, word, flag: (say.set_flags(0, flag),),
    lambda cost, word, flag: (say.add_to_page_cache(), say.unlock_page()),
    lambda cost, word, flag: (say.remove_from_page_cache(),),
    lambda cost, word, flag: (say.add_folio_refs(),),
    lambda cost, word, flag: (say.bug_on_mapped("bug1"),),
    lambda cost, word, flag: (say.free_table(),),
)


class Writer:
    """Writes a random program.

    Parameters
    ----------
    draw : callable
        Hypothesis' source of choices.
    wild : bool
        Whether counts and flags of pages may become anything.
    words : int
        About how many steps the program has at most.
    """

    def __init__(self, draw, *, wild: bool, words: int = 30) -> None:
        self.draw = draw
        self.simple = WILD if wild else TAME
        # a frozen page has lost its references: only the page cache's own steps may do that
        self.conditions = [c for c in CONDITIONS if wild or c != "page.frozen"]
        self.left = words
        self.places = 0

    def pick(self, *among):
        """Return one of some things."""
        return self.draw(st.sampled_from(among))

    def steps(self, held: int, **may: bool) -> tuple[Step, ...]:
        """Return up to four steps with all that they govern.

        Parameters
        ----------
        held : int
            How many locks of ``LOCK_ORDER`` may no longer be taken.
        may : bool
            ``wait``: for the lock of a page. ``loop``: over the window; loops do not nest.
            ``head``: go to the head of the folio and back. ``touch``: the page. ``moves``, unless
            false: a test that leaves the cursor elsewhere; who holds a page's lock may not.
        """
        result: tuple[Step, ...] = ()
        for _ in range(self.draw(st.integers(0, 4))):
            if self.left <= 0:
                break
            self.left -= 1
            result += self.one(held, **may)
        return result

    def one(self, held: int, **may: bool) -> tuple[Step, ...]:
        """Return one step with all that it governs, or steps that belong together."""
        kinds = ["simple", "simple", "simple", "when", "unless", "option", "trylock"]
        kinds += ["locked", "locked"] * (held < len(LOCK_ORDER))
        kinds += ["wait"] * may.get("wait", False)
        # handed from one to the next, a page's lock is never free for those who only try
        kinds += ["page_locked"] * (may.get("wait", False) and self.simple is WILD)
        kinds += ["each_page", "each_folio"] * may.get("loop", False)
        kinds += ["head"] * may.get("head", False)
        kinds += ["touch"] * may.get("touch", False)
        kind = self.pick(*kinds)
        may = {**may, "touch": False}
        if kind == "simple":
            return self.pick(*self.simple)(
                self.pick(*WORK), self.pick(*say.WORDS), self.pick(*MARKS)
            )
        if kind in ("when", "unless", "option"):
            return (self.branch(kind, held, may),)
        inner = {**may, "wait": False, "loop": False, "moves": False}
        if kind in ("each_page", "each_folio"):
            return (self.loop(kind, held, may),)
        if kind == "wait":
            return (say.wait_on_page(),)
        if kind == "page_locked":
            return (say.lock_page(), *self.steps(held, **inner), say.unlock_page())
        if kind == "head":
            return (
                say.to_head(),
                *self.steps(held, **{**may, "head": False, "loop": False}),
                say.from_head(),
            )
        if kind == "touch":
            self.places += 1
            place = f"untouched {self.places}"
            return say.jump("touch", place), say.label(place)
        if kind == "trylock":
            busy = (say.count("trylock_lost"), *self.steps(held, **may))
            return (say.trylock_page(*self.steps(held, **inner), say.unlock_page(), busy=busy),)
        return self.locked(held, may)

    def branch(self, kind: str, held: int, may: dict[str, bool]) -> Step:
        """Return a decision between two sequences of steps."""
        then, other = self.steps(held, **may), self.steps(held, **may)
        if kind == "option":
            return say.option(OPTION, *then, otherwise=other)
        cost = {"cost": self.pick(*WORK)} if kind == "when" else {}
        among = [c for c in self.conditions if may.get("moves", True) or c != "window.open"]
        return getattr(say, kind)(self.pick(*among), *then, otherwise=other, **cost)

    def loop(self, kind: str, held: int, may: dict[str, bool]) -> Step:
        """Return a loop over the window: page by page, or folio by folio."""
        body = self.steps(held, **{**may, "loop": False})
        if kind == "each_page":
            return say.each_page(*body)
        inner = self.steps(held, **{**may, "loop": False})
        return say.each_folio(*body, say.each_page_of_folio(*inner))

    def locked(self, held: int, may: dict[str, bool]) -> tuple[Step, ...]:
        """Return steps between taking and dropping a lock."""
        which = self.draw(st.integers(held, len(LOCK_ORDER) - 1))
        name = self.pick(*LOCK_ORDER[which])
        inner = self.steps(which + 1, **{**may, "wait": False})
        return (say.lock(name), *inner, say.unlock(name))


def loop_program(writer: Writer) -> tuple[Step, ...]:
    """Return a program that repeats random steps for each access and ends as a thread does."""
    may = {"wait": True, "loop": True, "head": True, "touch": True}
    return (
        Step("begin", category="run_queue"),
        say.label("again"),
        say.jump("next_access", "exit"),
        Step("fault_begin", cost="exception_entry", category="entry_exit"),
        *writer.steps(0, **may),
        *writer.steps(0, **may),
        Step("fault_end", cost="exception_exit", category="entry_exit"),
        say.jump("hold", "exit"),
        say.go_to("again"),
        say.label("exit"),
        say.jump("finish", "stop", category="teardown"),
        *exit.EXIT,
        say.label("stop"),
        Step("stop", category="teardown"),
    )


def fault_parts(writer: Writer, fault_lock: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return random steps before the ordinary path, and inside it."""
    # the fault's lock is held by readers only: who waits for a page is in nobody's way
    held = AFTER_MMAP if fault_lock == "mmap_lock" else AFTER_VMA
    may = {"wait": True, "loop": True, "head": True}
    return writer.steps(held, **may), writer.steps(held, **may)


def certain_path() -> tuple[Step, ...]:
    """Return steps that map the target, whatever became of its page."""
    mapped = say.when("pte.none", say.set_pte(), otherwise=(say.count("pte_lost"),))
    return say.lock("ptl"), mapped, say.unlock("ptl")


def actor_steps(writer: Writer) -> tuple[Step, ...]:
    """Return one round of a random actor: over its range, and over all mappings of each page."""
    once = writer.steps(2, wait=True)  # the locks of no mm: an actor has none of its own
    inside = writer.steps(2, wait=True)
    mappings = writer.steps(3)
    return (
        *once,
        say.each_in_range(
            *inside,
            say.lock("i_mmap_mutex"),
            say.each_mapping(*mappings, say.shootdown()),
            say.unlock("i_mmap_mutex"),
        ),
    )
