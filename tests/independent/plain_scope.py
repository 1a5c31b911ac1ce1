"""A scope, the words of its pages and the properties: what there is to ask."""

from dataclasses import dataclass, fields

from plain_machine import Machine

PROPERTIES = (
    *("bug1", "bug2", "mapcount_negative", "mapcount_below_ptes", "mapcount_at_rest"),
    *("stale_mapping", "use_after_free", "leak_at_rest", "deadlock"),
)
FLAGS = {"precheck": "--precheck"} | {
    key: f"--no-{key.replace('_', '-')}" for key in ("fence", "reference", "mapping_recheck")
}


@dataclass(frozen=True)
class Scope:
    """A scheme, an actor, their options and the size of the world, by the words of `dessim check`.

    ``mistake`` is none of its words: a seeded mistake, to see whether this checker bites.
    """

    scheme: str
    actor: str = "invalidate"
    unmap_retry: str = "none"
    walk: str = "if_mapped"
    bug1: bool = True
    bug2: bool = True
    punch_hole: bool = False
    precheck: bool = False
    fence: bool = True
    reference: bool = True
    mapping_recheck: bool = True
    recheck_order: str = "flags_first"
    threads: int = 1
    tables: str = "shared"
    attempts: int = 1
    page: str = "neighbour"
    pages: int = 1
    memory: str = "sc"
    increment: str = "locked"
    mistake: str = ""

    def words(self) -> list[str]:
        """Return the words of `dessim check` that ask the same."""
        words = [self.scheme]
        for field in fields(self)[1:-1]:
            value = getattr(self, field.name)
            if value == field.default:
                continue
            if field.name in FLAGS:
                words.append(FLAGS[field.name])
            elif field.name == "punch_hole":
                words += ["--set", "actor.punch_hole=on"]
            else:
                text = {True: "on", False: "off"}.get(value) if field.type is bool else value
                words += [f"--{field.name.replace('_', '-')}", str(text)]
        return words


class Page:
    """The words of a page: its struct page, its slot in the page cache, its ptes."""

    def __init__(self, machine: Machine, tables: int) -> None:
        self.cached = machine.word(1)
        self.ours = machine.word(1)
        self.locked = machine.word(0)
        self.refs = machine.word(1)
        self.mapped = machine.word(0)
        self.ptes = [machine.word(0) for _ in range(tables)]


class World:
    """All that tasks share."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.machine = machine = Machine(scope.memory)
        self.tables = 1 if scope.tables == "shared" else scope.threads
        self.pages = [Page(machine, self.tables) for _ in range(scope.pages)]
        self.ptl = [machine.word() for _ in range(self.tables)]
        self.mmap_sem = [machine.word() for _ in range(self.tables)]
        self.vma_lock = [machine.word() for _ in range(self.tables)]
        self.i_mmap_mutex = machine.word()
        self.tree_lock = machine.word()
        self.fired = machine.word(0)

    def verdicts(self) -> dict[str, str]:
        """Search all that can be reached, and return the verdict on each property."""
        found: set[str] = set()
        fired = self.fired
        for state, at_rest, stuck in self.machine.reachable(lambda state: state[fired] != 0):
            if state[fired]:
                found.add(f"bug{state[fired]}")
            if stuck:
                found.add("deadlock")
            for page in self.pages:
                found |= self.wrong(state, page)
                if at_rest:
                    found |= self.wrong_at_rest(state, page)
            if at_rest and any(state[lock] for lock in self.locks()):
                found.add("leak_at_rest")
        return {name: "sometimes" if name in found else "never" for name in PROPERTIES}

    def locks(self) -> list[int]:
        """Return all locks but those of pages."""
        alone = [self.i_mmap_mutex, self.tree_lock]
        return [*self.ptl, *self.mmap_sem, *self.vma_lock, *alone]

    def wrong(self, state: tuple, page: Page) -> set[str]:
        """Return the properties that a state violates for a page, at rest or not."""
        mapped, refs = state[page.mapped], state[page.refs]
        ptes = sum(state[pte] for pte in page.ptes)
        found = set()
        if mapped < 0:
            found.add("mapcount_negative")
        if refs < 0 or (refs == 0 and (mapped or ptes)):
            found.add("use_after_free")
        if self.machine.tso:  # what is on its way counts
            for task in self.machine.tasks:
                for word, adds, value in state[task.buffer]:
                    mapped += value if word == page.mapped and adds else 0
                    ptes += word in page.ptes and value > state[word]
        if mapped < ptes:
            found.add("mapcount_below_ptes")
        return found

    def wrong_at_rest(self, state: tuple, page: Page) -> set[str]:
        """Return the properties that a state at rest violates for a page."""
        ptes = sum(state[pte] for pte in page.ptes)
        found = set()
        if state[page.mapped] != ptes:
            found.add("mapcount_at_rest")
        if ptes and not state[page.cached]:
            found.add("stale_mapping")
        if state[page.refs] != state[page.cached] + ptes or state[page.locked]:
            found.add("leak_at_rest")
        return found
