"""Read faults, as five schemes handle them.

After Linux's filemap_fault, __lock_page_or_retry and do_read_fault (3.14), filemap_map_pages
(3.15, 6.11), PATCHv2 of 17 Feb 2014 and the mails of that thread. Left out: what nobody else can
see, as the private target of a fault whose neighbours are looked at.
"""

from plain_machine import BLOCKED, Goto, If, Label, Program, Step, Task, Words
from plain_scope import Page, World


class Hands:
    """What a task does to pages and locks, each in one step."""

    def __init__(self, world: World, task: Task) -> None:
        self.world, self.task, self.scope = world, task, world.scope
        self.mistake = world.scope.mistake

    # --- locks ---

    def lock(self, word: int) -> Step:
        """Take a lock that one task can have."""
        return self.task.swap(word, 0, 1, waits=True)

    def spin_unlock(self, word: int) -> Step:
        """Drop a spinlock: a plain store."""
        return self.task.store(word, 0)

    def mutex_unlock(self, word: int) -> Step:
        """Drop a mutex, or the writer's side of a semaphore: a locked instruction."""
        return self.task.add(word, -1)

    def down_read(self, word: int) -> Step:
        """Take a semaphore as a reader; a writer has it if it is negative."""

        def take(words: Words) -> int | None:
            if words[word] < 0:
                return BLOCKED
            words[word] += 1
            return 1

        return self.task.atomic(take)

    def up_read(self, word: int) -> Step:
        """Drop a semaphore as a reader."""
        return self.task.add(word, -1)

    def trylock(self, page: Page) -> Step:
        """trylock_page: decides whether it succeeds."""
        return self.task.swap(page.locked, 0, 1)

    def lock_page(self, page: Page) -> Step:
        """lock_page: sleep until it is free."""
        return self.lock(page.locked)

    def unlock_page(self, page: Page) -> Step:
        """unlock_page."""
        return self.task.add(page.locked, -1)

    def wait_on_page(self, page: Page) -> Step:
        """wait_on_page_locked: sleep until nobody has it."""
        locked = self.task.load(page.locked)
        return lambda words: BLOCKED if locked(words) else 0

    # --- questions ---

    def if_word(self, word: int) -> Step:
        """Decide whether a word is set."""
        load = self.task.load(word)
        return lambda words: load(words) != 0

    def if_mapped(self, page: Page) -> Step:
        """page_mapped()."""
        load = self.task.load(page.mapped)
        return lambda words: load(words) > 0

    # --- references and mapcount ---

    def find(self, page: Page) -> Step:
        """find_get_page: slot and count are looked at in one instant; no RMW if it is empty."""
        cached, refs = self.task.load(page.cached), page.refs

        def find_get(words: Words) -> int | None:
            if not cached(words):
                return 0
            if self.task.tso and words[self.task.buffer]:
                return BLOCKED
            if words[refs] == 0:
                return 0
            words[refs] += 1
            return 1

        return find_get

    def put(self, page: Page) -> Step:
        """page_cache_release."""
        return self.task.add(page.refs, -1)

    def raise_mapcount(self, page: Page) -> Step:
        """page_add_file_rmap."""
        if self.scope.increment == "plain":
            return self.task.store(page.mapped, 1, adds=True)
        return self.task.add(page.mapped, 1)

    def lower_mapcount(self, page: Page) -> Step:
        """page_remove_rmap."""
        return self.task.add(page.mapped, -1)


class Faulter(Hands):
    """A thread that faults."""

    def __init__(self, world: World, task: Task, number: int) -> None:
        super().__init__(world, task)
        self.table = number if world.tables > 1 else 0
        self.ptl = world.ptl[self.table]
        targets = world.pages if self.scope.page == "target" else [None]
        self.target = targets[number % len(targets)]

    def program(self) -> Program:
        """Return all faults of the thread."""
        scheme = getattr(self, self.scope.scheme)
        faults = range(self.scope.attempts)
        return [item for number in faults for item in self.fault(scheme, number)]

    def fault(self, scheme, number: int) -> Program:
        """Return a fault: the lock of the address space is held, a pte that is set ends it."""
        take, drop = self.fault_lock()
        body = [*scheme(f"{number}", drop), *drop]
        again = Label(f"retry {number}")
        if self.target is None:
            return [again, *take, *body]
        return [again, *take, If(self.pte(self.target), drop, body)]

    def fault_lock(self) -> tuple[Program, Program]:
        """Return how the lock of the address space is taken and dropped.

        Nobody but munmap ever has it for writing; beside others it is left out. A fault under the
        lock of its VMA that finds it taken waits for mmap_sem: that ends when the writer has ended,
        as waiting for the lock of the VMA does.
        """
        if self.scope.actor != "munmap":
            return [], []
        modern = self.scope.scheme == "folio_batch"
        word = (self.world.vma_lock if modern else self.world.mmap_sem)[self.table]
        return [self.down_read(word)], [self.up_read(word)]

    # --- seeded mistakes, each in the step that it spoils ---

    def trylock(self, page: Page) -> Step:
        """trylock_page."""
        return (lambda _: 1) if self.mistake == "no_page_lock" else super().trylock(page)

    def unlock_page(self, page: Page) -> Step:
        """unlock_page."""
        return (lambda _: 0) if self.mistake == "no_page_lock" else super().unlock_page(page)

    def lock(self, word: int) -> Step:
        """Take a lock that one task can have."""
        return (lambda _: 0) if self.mistake == "no_ptl" else super().lock(word)

    def spin_unlock(self, word: int) -> Step:
        """Drop a spinlock."""
        spoilt = self.mistake in ("no_ptl", "ptl_kept")
        return (lambda _: 0) if spoilt else super().spin_unlock(word)

    def ours(self, page: Page) -> Step:
        """Decide whether the page is still in our file."""
        return (lambda _: 1) if self.mistake == "no_mapping_check" else self.if_word(page.ours)

    def map(self, page: Page) -> Program:
        """Map a page: count first, then the pte."""
        steps = [self.raise_mapcount(page), self.task.store(page.ptes[self.table], 1)]
        return steps[::-1] if self.mistake == "pte_first" else steps

    # --- parts ---

    def pte(self, page: Page) -> Step:
        """Decide whether there is a pte in our page table."""
        return self.if_word(page.ptes[self.table])

    # --- the ordinary path, and no_fault_around ---

    def no_fault_around(self, name: str, drop: Program) -> Program:
        """filemap_fault and do_read_fault of 3.14; the page lock is held across the ptl."""
        return self.ordinary(name, drop, around=[], unlock_first=False)

    def ordinary(self, name: str, drop: Program, around: Program, unlock_first: bool) -> Program:
        """Return the fault of the target alone, with what is done around it while the ptl is held.

        A target that nobody else can see leaves the page-table lock only.
        """
        if self.target is None:
            return [self.lock(self.ptl), *around, self.spin_unlock(self.ptl)]
        page, unlock_ptl = self.target, self.spin_unlock(self.ptl)
        unlock = [self.unlock_page(page)]
        if unlock_first:
            mapped = [*self.map(page), *unlock, *around, unlock_ptl]
        else:
            mapped = [*self.map(page), *around, unlock_ptl, *unlock]
        under_page_lock = [
            self.lock(self.ptl),
            If(self.pte(page), [unlock_ptl, *unlock, self.put(page)], mapped),
        ]
        gone = [*unlock, self.put(page), Goto(f"find {name}")]
        busy = [*drop, self.wait_on_page(page), self.put(page), Goto(f"retry {name}")]
        checked = [If(self.ours(page), under_page_lock, gone)]
        locked = [If(self.trylock(page), checked, busy)]
        return [Label(f"find {name}"), If(self.find(page), locked)]

    # --- neighbours under their page lock ---

    def attempt(self, page: Page, got: Program, lost: Program = ()) -> Program:
        """Find a page and lock it without sleeping; whoever gets it goes on with it locked."""
        back = [self.unlock_page(page), self.put(page)]
        take = self.lock_page(page) if self.mistake == "sleeps_under_ptl" else self.trylock(page)
        busy = [] if self.mistake == "busy_keeps_reference" else [self.put(page)]
        ours = [If(self.ours(page), got, [*back, *lost])]
        return [If(self.find(page), [If(take, ours, [*busy, *lost])], lost)]

    def map_locked(self, page: Page) -> Program:
        """Map a locked page unless it is mapped already, and unlock it; the ptl is held."""
        unlock = self.unlock_page(page)
        return [If(self.pte(page), [unlock, self.put(page)], [*self.map(page), unlock])]

    def lock_each_page(self, name: str, drop: Program) -> Program:
        """PATCHv2: the target, then each neighbour whose pte is none, with the ptl still held."""
        around: list = []
        for page in self.world.pages:
            if page is not self.target:
                mapped = [*self.map(page), self.unlock_page(page)]
                around.append(If(self.pte(page), [], self.attempt(page, mapped)))
        return self.ordinary(name, drop, around=around, unlock_first=True)

    def radix_walk_trylock(self, name: str, drop: Program) -> Program:
        """filemap_map_pages of 3.15, under the ptl; then the ordinary path if it must be."""
        window = [
            step for page in self.world.pages for step in self.attempt(page, self.map_locked(page))
        ]
        around = [self.lock(self.ptl), *window, self.spin_unlock(self.ptl)]
        return [*around, *self.fall_back(name, drop)]

    def fall_back(self, name: str, drop: Program) -> Program:
        """Return the ordinary path for a target that is still not mapped."""
        if self.target is None:
            return []
        return [If(self.pte(self.target), [], self.no_fault_around(name, drop))]

    def folio_batch(self, name: str, drop: Program) -> Program:
        """filemap_map_pages of 6.11: the first folio is locked before the ptl is taken."""
        pages = self.world.pages
        program: list = []
        for number, page in enumerate(pages):
            rest = [step for other in pages[number + 1 :] for step in self.folio(other)]
            mapped = [self.lock(self.ptl), *self.map_folio(page), *rest, self.spin_unlock(self.ptl)]
            program += self.folio(page, [*mapped, Goto(f"around {name}")])
        if self.target is None:  # the private target is the first that can be locked
            program += [self.lock(self.ptl), self.spin_unlock(self.ptl)]
        return [*program, Label(f"around {name}"), *self.fall_back(name, drop)]

    def folio(self, page: Page, got: Program | None = None) -> Program:
        """Look at a folio: one that is locked is left out before a reference is taken."""
        unlocked = self.attempt(page, self.map_folio(page) if got is None else got)
        seen = [If(self.if_word(page.locked), [], unlocked)]
        return [If(self.if_word(page.cached), seen)]

    def map_folio(self, page: Page) -> Program:
        """Map a folio of one page: the pte gets a reference of its own, the lookup's is dropped."""
        mapped = [*self.map(page), self.task.add(page.refs, 1)]
        return [If(self.pte(page), [], mapped), self.unlock_page(page), self.put(page)]

    # --- neighbours without their page lock ---

    def gang_lookup_mapcount(self, name: str, drop: Program) -> Program:
        """Torvalds' mail: look up the window, raise each mapcount, then look whether one may."""
        window = [self.lock(self.ptl), *self.gang(self.world.pages, []), self.spin_unlock(self.ptl)]
        return [*window, *self.fall_back(name, drop)]

    def gang(self, pages: list[Page], found: list[Page]) -> Program:
        """Return the lookup of pages, then what is done with those found."""
        if not pages:
            return [step for page in found for step in self.map_unlocked(page)]
        page, *rest = pages
        look = self.find(page) if self.scope.reference else self.if_word(page.cached)
        return [If(look, self.gang(rest, [*found, page]), self.gang(rest, found))]

    def map_unlocked(self, page: Page) -> Program:
        """Raise the count, look at the lock and then at the mapping, and undo it if one must."""
        scope = self.scope
        put = [self.put(page)] if scope.reference else []
        undo = [self.lower_mapcount(page), *put]
        for_the_pte = [] if scope.reference else [self.task.add(page.refs, 1)]
        steps: Program = [*for_the_pte, self.task.store(page.ptes[self.table], 1)]
        locked, ours = self.if_word(page.locked), self.if_word(page.ours)
        last_first = ["mapping", "flags"]
        for test in last_first if scope.recheck_order == "flags_first" else last_first[::-1]:
            if test == "flags":
                steps = [If(locked, undo, steps)]
            elif scope.mapping_recheck:
                steps = [If(ours, steps, undo)]
        fence = [self.task.fence()] if scope.fence and self.task.tso else []
        steps = [self.raise_mapcount(page), *fence, *steps]
        if scope.precheck:
            steps = [If(locked, put, steps)]
        return [If(self.pte(page), put, steps)]
