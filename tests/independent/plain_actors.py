"""Who else works on the pages, one round, and a whole scope.

After Linux 3.14: invalidate_inode_pages2_range, truncate_pagecache and truncate_inode_page
(mm/truncate.c), unmap_mapping_range and zap_pte_range (mm/memory.c), __delete_from_page_cache
(mm/filemap.c), shrink_page_list and __remove_mapping (mm/vmscan.c), try_to_unmap_file (mm/rmap.c).
"""

from plain_faults import Faulter, Hands
from plain_machine import Goto, If, Label, Program, Step, Words
from plain_scope import Page, Scope, World


class Actor(Hands):
    """The task alongside the threads."""

    def bug_on_mapped(self, number: int, page: Page) -> Program:
        """BUG_ON(page_mapped(page)), unless the scope leaves it out."""
        if not (self.scope.bug1, self.scope.bug2)[number - 1]:
            return []
        mapped = self.if_mapped(page)

        def bug_on(words: Words) -> int:
            if mapped(words):
                words[self.world.fired] = number
            return 0

        return [bug_on]

    # --- unmapping ---

    def zap(self, table: int, pages: list[Page], gone: list[Page]) -> Program:
        """zap_pte_range: clear each pte that is set, drop the ptl, then the references."""
        if not pages:
            return [self.spin_unlock(self.world.ptl[table]), *[self.put(page) for page in gone]]
        page, *rest = pages
        lower = [self.lower_mapcount(page)] * (2 if self.mistake == "lowers_twice" else 1)
        cleared = [*lower, *self.zap(table, rest, [*gone, page])]
        return [If(self.clear_pte(table, page), cleared, self.zap(table, rest, gone))]

    def clear_pte(self, table: int, page: Page) -> Step:
        """ptep_get_and_clear: decides whether there was a pte."""
        return self.task.swap(page.ptes[table], 1, 0)

    def unmap(self, pages: list[Page]) -> Program:
        """unmap_mapping_range: under i_mmap_mutex, every page table of the file."""
        walk = [
            step
            for table in range(self.world.tables)
            for step in (self.lock(self.world.ptl[table]), *self.zap(table, pages, []))
        ]
        mutex = self.world.i_mmap_mutex
        return [self.lock(mutex), *walk, self.mutex_unlock(mutex)]

    def unmap_if_mapped(self, page: Page) -> Program:
        """Unmap a page if page_mapped()."""
        return [If(self.if_mapped(page), self.unmap([page]))]

    def unmap_by_walk(self, page: Page) -> Program:
        """Unmap a page if it is mapped; with ``every_table`` in any case."""
        every = self.scope.walk == "every_table"
        return self.unmap([page]) if every else self.unmap_if_mapped(page)

    # --- direct I/O ---

    def invalidate(self) -> Program:
        """invalidate_inode_pages2_range, with the repairs of the thread."""
        return [step for page in self.world.pages for step in self.invalidate_page(page)]

    def invalidate_page(self, page: Page) -> Program:
        """Lock the page, unmap it, BUG_ON if it is still mapped, take it out."""
        one = self.unmap_by_walk(page)
        again = Label(f"unmap {self.world.pages.index(page)}")
        bug1 = self.bug_on_mapped(1, page)
        still = If(self.if_mapped(page), [*self.unmap([page]), *bug1])
        unmapping = {
            "none": [*one, *bug1],
            "before_bug": [*one, still],
            "always_bug": [*one, *one, *bug1],
            "until_unmapped": [
                again,
                If(self.if_mapped(page), [*self.unmap([page]), Goto(again.name)]),
                *bug1,
            ],
        }[self.scope.unmap_retry]
        return self.with_page_lock(page, [*unmapping, *self.delete(page)])

    def with_page_lock(self, page: Page, remove: Program) -> Program:
        """find_get_page, lock_page; what is to be done if it is still ours; unlock and put."""
        ours = If(self.if_word(page.ours), remove)
        return [
            If(
                self.find(page),
                [self.lock_page(page), ours, self.unlock_page(page), self.put(page)],
            )
        ]

    def delete(self, page: Page) -> Program:
        """delete_from_page_cache, and the reference of the page cache."""
        lock, unlock = self.lock(self.world.tree_lock), self.spin_unlock(self.world.tree_lock)
        return [lock, *self.remove(page), unlock, self.put(page)]

    def remove(self, page: Page) -> Program:
        """__delete_from_page_cache: slot and mapping are emptied, then BUG_ON(page_mapped)."""
        emptied = [self.task.store(page.cached, 0), self.task.store(page.ours, 0)]
        return [*emptied, *self.bug_on_mapped(2, page)]

    # --- truncation ---

    def truncate(self) -> Program:
        """truncate_pagecache: unmap the range, delete page by page, unmap the range once more;
        truncate_pagecache_range, which punches a hole, does not do the last.

        The last unmap is unconditional: it walks every page table of the range, whether or not a
        page is still in the page cache or mapped. Linux goes over the pages twice, first past those
        whose lock is not free: waiting for each lock at once leads to the same states.
        """
        pages = self.world.pages
        program = [*self.unmap(pages)]
        for page in pages:
            program += self.with_page_lock(page, [*self.unmap_by_walk(page), *self.delete(page)])
        return program if self.scope.punch_hole else [*program, *self.unmap(pages)]

    # --- reclaim ---

    def reclaim(self) -> Program:
        """shrink_page_list: reference, trylock, try_to_unmap, freeze the count at exactly two."""
        return [step for page in self.world.pages for step in self.reclaim_page(page)]

    def reclaim_page(self, page: Page) -> Program:
        """Free a page if nobody else wants it. One that is mapped after all is kept: try_to_unmap
        succeeds only if the count has come down.
        """
        unlock, put = self.unlock_page(page), self.put(page)
        lock_tree = self.lock(self.world.tree_lock)
        unlock_tree = self.spin_unlock(self.world.tree_lock)
        freed = [*self.remove(page), unlock_tree, unlock]
        freeze = [lock_tree, If(self.freeze(page), freed, [unlock_tree, unlock, put])]
        still = If(self.if_mapped(page), [unlock, put], freeze)
        mapped = [*self.try_to_unmap(page), still]
        tried = If(self.trylock(page), [If(self.if_mapped(page), mapped, freeze)], [put])
        return [If(self.find(page), [tried])]

    def freeze(self, page: Page) -> Step:
        """page_freeze_refs(page, 2): decides whether there were two references; none is left."""

        def whatever_there_is(words: Words) -> int:
            words[page.refs] = 0
            return 1

        if self.mistake == "frees_anyway":
            return self.task.atomic(whatever_there_is)
        return self.task.swap(page.refs, 2, 0)

    def try_to_unmap(self, page: Page) -> Program:
        """try_to_unmap_file: look at each pte, take the ptl only where one is set."""
        walk: list = []
        for table in range(self.world.tables):
            ptl = self.world.ptl[table]
            cleared = [self.lower_mapcount(page), self.put(page)]
            clear = [
                self.lock(ptl),
                If(self.clear_pte(table, page), cleared),
                self.spin_unlock(ptl),
            ]
            walk.append(If(self.if_word(page.ptes[table]), clear))
        mutex = self.world.i_mmap_mutex
        return [self.lock(mutex), *walk, self.mutex_unlock(mutex)]

    # --- munmap ---

    def munmap(self, table: int) -> Program:
        """Unmap the range in one process: nobody faults there meanwhile."""
        sem, vma = self.world.mmap_sem[table], self.world.vma_lock[table]
        modern = self.scope.scheme == "folio_batch"
        alone = [self.down_write(sem)] + ([self.down_write(vma)] if modern else [])
        back = ([self.up_write(vma)] if modern else []) + [self.up_write(sem)]
        ptl = self.world.ptl[table]
        return [*alone, self.lock(ptl), *self.zap(table, self.world.pages, []), *back]

    def down_write(self, word: int) -> Step:
        """Take a semaphore as the writer."""
        return self.task.swap(word, 0, -1, waits=True)

    def up_write(self, word: int) -> Step:
        """Drop a semaphore as the writer."""
        return self.task.add(word, 1)


def verdicts(scope: Scope) -> dict[str, str]:
    """Return the verdict on each property: never or sometimes."""
    found = [world.verdicts() for world in worlds(scope)]
    return {
        name: "sometimes" if any(one[name] == "sometimes" for one in found) else "never"
        for name in found[0]
    }


def worlds(scope: Scope) -> list[World]:
    """Return the worlds of a scope: one for each page table that munmap may choose."""
    made = []
    for table in range(scope.threads if scope.tables == "own" and scope.actor == "munmap" else 1):
        world = World(scope)
        for number in range(scope.threads):
            task = world.machine.task()
            task.run(Faulter(world, task, number).program())
        if scope.actor != "none":
            task = world.machine.task()
            actor = Actor(world, task)
            choice = (table,) if scope.actor == "munmap" else ()
            task.run(getattr(actor, scope.actor)(*choice))
        made.append(world)
    return made
