"""All that decides a run, before it becomes a World."""

from dataclasses import dataclass

from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.model.machine import Machine
from dessim.model.workload import PAGE_BYTES, Workload


class WorldError(UserError):
    """A machine, a workload and a number of threads that do not go together."""


@dataclass(frozen=True)
class ActorSetup:
    """An actor: its program, its pace, and the pages of one round.

    Attributes
    ----------
    program : Program
    every_ps : int, ps
        Mean pause between two rounds.
    range_pages : int
    """

    program: Program
    every_ps: int
    range_pages: int


def changes_page_cache(workload: Workload) -> bool:
    """Return whether pages of the file can be missing from the page cache."""
    return workload.cached_ppm < 1_000_000 or bool(workload.actors)


@dataclass(frozen=True)
class Setup:
    """All that decides a run.

    Attributes
    ----------
    machine, workload, program
        What runs on what.
    threads : int
    fault_around_order : int, 0..9
        log2 of the window in pages.
    simulate_bytes : int or None, bytes
        Part of the file that is simulated; None: all of it.
    seed, replication : int
    folio_order : int, 0..9
        log2 of the pages of a folio.
    actors : tuple of ActorSetup
        Who works on the file beside the threads.
    """

    machine: Machine
    workload: Workload
    program: Program
    threads: int
    fault_around_order: int
    simulate_bytes: int | None
    seed: int
    replication: int
    actors: tuple[ActorSetup, ...] = ()
    folio_order: int = 0

    @property
    def devices(self) -> int:
        """Number of reads that the device serves at once: none if every page stays in the cache."""
        if not self.page_cache_changes:
            return 0
        return self.machine.device.queue_depth

    @property
    def creators(self) -> int:
        """Number of tasks that do nothing but create the threads: one, or none."""
        return int(self.workload.creates_threads)

    @property
    def tasks(self) -> int:
        """Number of tasks: threads, then actors, slots of the device, and who creates threads."""
        return self.threads + len(self.actors) + self.devices + self.creators

    @property
    def page_cache_changes(self) -> bool:
        """Whether a page can be missing from the page cache: then its faults must look."""
        return changes_page_cache(self.workload)

    @property
    def pages(self) -> int:
        """Number of file pages that are simulated."""
        if self.workload.kind == "lock_loop":
            return 1
        size = self.workload.file_size_bytes
        if self.simulate_bytes is not None:
            size = min(size, self.simulate_bytes)
        return max(1, size // PAGE_BYTES)

    @property
    def accesses(self) -> int:
        """Number of accesses of each thread."""
        workload = self.workload
        if workload.kind == "lock_loop":
            return workload.iterations
        if workload.access == "one_per_table":
            return (self.pages + lay.TABLE_PAGES - 1) // lay.TABLE_PAGES
        if workload.access == "random":
            return self.pages * workload.touches_per_page
        return self.pages
