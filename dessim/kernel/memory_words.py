"""The words in which a scheme says how a fault gets a page of memory, and how it goes back.

As those of ``alphabet``; each stands for a step, or for the few that always belong together.
"""

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, lock, option, unlock

MAX_LEVELS = 8
LOCKS = {"mmap_lock": lay.LOCK_MMAP, "vma_lock": lay.LOCK_VMA}
FLUSH_LRU = (lock("lru_lock"), Step("lru_flush"), unlock("lru_lock"))


def call(name: str, *body: Step) -> tuple[Step, ...]:
    """Time some steps as a system call: ``region``, what a task does after a sweep, or ``mmap``."""
    return (Step("call_begin"), *body, Step("call_end", lay.CALLS.index(name)))


def use_mm(*, stores: bool) -> Step:
    """Load from the line of mmap_lock, or store to it."""
    return Step("use_mm", lay.LINE_STORE if stores else lay.LINE_LOAD)


def use_owner(*, stores: bool) -> Step:
    """Load from the line behind that of mmap_lock, where its owner can be, or store to it."""
    return Step("use_owner", lay.LINE_STORE if stores else lay.LINE_LOAD)


def load_lock(name: str) -> Step:
    """Learn the count of a readers' lock, which an RMW changes then: ``mmap_lock``, ``vma_lock``.

    ``refcount_read`` does (from 6.15 on), or the first cmpxchg of ``down_read_trylock``, which
    expects a free lock and fails while others read. By the second one somebody else can have the
    line: where others queue for it, it is taken to be lost.
    """
    return Step("load_lock", LOCKS[name])


def fetch_mm() -> Step:
    """Prefetch the line of mmap_lock for writing, without waiting for it."""
    return Step("fetch_mm")


def await_fetch() -> Step:
    """Wait for what was prefetched: the return from an exception is a serializing instruction."""
    return Step("await_fetch")


def when_vma_written(*then: Step) -> Step:
    """Do some steps if the task's mapping is being written: its sequence is that of the mm."""
    return Step("vma_written", body=then)


def mark_vma() -> Step:
    """Mark the task's mapping as being written, until ``end_vma_writes``."""
    return Step("mark_vma", lay.LOCK_VMA)


def end_vma_writes() -> Step:
    """Release all mappings of the mm that are marked as being written."""
    return Step("end_vma_writes")


def write_tree() -> Step:
    """Change the mm's tree of mappings: its lines come from whoever changed it last."""
    return Step("write_tree")


def downgrade(name: str) -> Step:
    """Turn the writer of a lock into a reader: ``mmap_lock``, ``vma_lock``."""
    return Step("downgrade", LOCKS[name])


def allocate_page() -> tuple[Step, ...]:
    """Take a page from the CPU's list, which an empty one gets from the node, a batch at once."""
    refill = (lock("zone_lock"), Step("refill_pcp"), unlock("zone_lock"))
    return (Step("pcp_empty", body=refill), Step("take_frame"))


def zero_page() -> Step:
    """Zero the page that was allocated."""
    return Step("fill_frame", 0)


def copy_page() -> Step:
    """Copy another page to the one that was allocated."""
    return Step("fill_frame", 1)


def each_level(op: str) -> tuple[Step, ...]:
    """Return a step for each page counter of the workload: the memory cgroup's, its ancestors'."""
    return tuple(option(f"memcg_level_{i}", Step(op, i)) for i in range(MAX_LEVELS))


def charge_page() -> tuple[Step, ...]:
    """Charge a page to the memory cgroup: out of the CPU's stock, which is charged in batches."""
    fill = (*each_level("charge_level"), Step("fill_stock"))
    return (option("memcg_level_0", Step("stock_empty", body=fill), Step("use_stock")),)


def count_page() -> tuple[Step, ...]:
    """Count a page of the mm, apart from its shared count until there is a batch of them."""
    return (Step("count_rss", 1), spill_rss())


def uncount_page() -> Step:
    """Count a page of the mm off, apart from its shared count: once for all of a page table."""
    return Step("count_rss", -1, cost="none")


def spill_rss() -> Step:
    """Add what was counted apart to the shared count of the mm if it is a batch."""
    return Step("rss_spills", body=(Step("spill_rss"),))


def add_to_lru() -> tuple[Step, ...]:
    """Let the page that was allocated wait for the LRU; a batch goes there under its lock."""
    return (Step("lru_add"), Step("lru_waiting", 0, body=FLUSH_LRU))


def map_memory() -> Step:
    """Map the page that was allocated."""
    return Step("map_frame")


def drop_memory() -> Step:
    """Give the page that was allocated back: somebody else has mapped one here."""
    return Step("drop_frame")


def zap_memory() -> Step:
    """Unmap the pages of the region that the cursor's page table maps: they are gathered."""
    return Step("zap_frames")


def flush_region() -> Step:
    """Flush the translations of the gathered pages on all CPUs that run the mm."""
    return Step("flush_region")


def free_gathered() -> Step:
    """Free what was gathered: off the LRU, uncharged, on the CPU's list, above that to the node."""
    drain = (lock("zone_lock"), Step("drain_pcp"), unlock("zone_lock"))
    uncharge = (*each_level("uncharge_level"), Step("uncharged"))
    return Step(
        "each_round",
        body=(
            lock("lru_lock"),
            Step("lru_remove"),
            unlock("lru_lock"),
            Step("free_frames"),
            option(
                "memcg_level_0",
                Step("uncharge_due", body=uncharge),
                otherwise=(Step("uncharged"),),
            ),
            Step("pcp_full", body=drain),
        ),
    )
