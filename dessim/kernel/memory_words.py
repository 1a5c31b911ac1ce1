"""The words in which a scheme says how a fault gets a page of memory, and how it goes back.

As those of ``alphabet``; each stands for a step, or for the few that always belong together.
"""

from dataclasses import replace

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, each_in_table, lock, option, unless, unlock
from dessim.kernel.ops import OPERATIONS

MAX_LEVELS = 8
PARTS = "parts"  # of the workload: parts of folios are unmapped, and single pages take their place
CONTPTE = "contpte"  # of a scheme: arm64, blocks of ptes carry the contiguous bit
COUNTS = {"mapped": 1, "mapcount": 2, "mm_ids": 3}
"""Option `folio_counts` -> RMWs on counts of a large folio whenever some of its ptes are cleared,
besides one on each page's _mapcount: `__folio_remove_rmap`."""
SIZES_NEAR = "lru_sizes_near"
OF_LISTS = {row.name for row in OPERATIONS if row.by_list}
LOCKS = {"mmap_lock": lay.LOCK_MMAP, "vma_lock": lay.LOCK_VMA}


def load_statistics() -> Step:
    """Load a memcg's pointers to its statistics, where they lie on the line of its LRU's sizes.

    Nothing where they are on a line that nobody writes, or there is no memory cgroup.
    """
    return option("memcg_level_0", option(SIZES_NEAR, Step("load_statistics")))


def on_lru(step: Step, gathered: bool) -> tuple[Step, ...]:
    """Return the steps under the LRU lock that put pages on the LRU, or take gathered ones off.

    Each page changes the size of its list. Where the pointers to statistics lie on the same line,
    others that load them take it away in between.
    """
    each = Step("each_linked", int(gathered), step.a, body=(load_statistics(),))
    near = option(SIZES_NEAR, each, replace(step, b=1), otherwise=(step,))
    return (
        lock("lru_lock"),
        option("memcg_level_0", near, otherwise=(step,)),
        unlock("lru_lock"),
    )


FLUSH_LRU = on_lru(Step("lru_flush"), gathered=False)
DRAIN = (Step("pcp_full", body=(lock("zone_lock"), Step("drain_pcp"), unlock("zone_lock"))),)


def call(name: str, *body: Step) -> tuple[Step, ...]:
    """Time some steps as a system call: ``region``, what a task does after a sweep, ``mmap``, or
    ``writer``, of an actor.
    """
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


UNCHARGE = (*each_level("uncharge_level"), Step("uncharged"))


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


def of_single_pages(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return steps of a fault, or of freeing, that are about single pages, where folios are, too.

    A CPU has a list of each, and so has the node.
    """
    return tuple(
        replace(
            step,
            a=1 if step.op in OF_LISTS else step.a,
            body=of_single_pages(step.body),
            otherwise=of_single_pages(step.otherwise),
        )
        for step in steps
    )


def folio_or_page(folio: tuple[Step, ...]) -> Step:
    """Return a fault that takes a folio where all of its ptes are clear, else a single page."""
    return Step("folio_fits", body=folio, otherwise=of_single_pages(folio))


def zap_memory() -> tuple[Step, ...]:
    """Unmap the pages of the region that the cursor's page table maps: they are gathered.

    Folios that are mapped in part from then on are put on the deferred split queue, those at both
    ends of what is unmapped.
    """
    queue = (lock("split_queue"), Step("queue_folio"), unlock("split_queue"))
    queues = (Step("part_found", body=queue),) * 2
    unfold = option(CONTPTE, *convert_blocks(lay.BLOCKS_AT_ENDS))
    parts = (unfold, *_zap_of_version(), *queues)
    return (option(PARTS, *parts, otherwise=_zap(0)),)


def _zap_of_version() -> tuple[Step, ...]:
    """Return the steps that unmap, with what a kernel does about folios mapped in part."""
    found = _zap_parts(0)
    for name, rmws in COUNTS.items():
        found = (option(f"folio_counts={name}", *_zap_parts(rmws), otherwise=found),)
    return found


def _zap_parts(rmws: int) -> tuple[Step, ...]:
    return (option("defers_split=pmd", *_zap(rmws, only_pmd=1), otherwise=_zap(rmws)),)


def _zap(rmws: int, only_pmd: int = 0) -> tuple[Step, ...]:
    """Return the step that unmaps, before which each page loads a pointer to statistics."""
    at_once = Step("zap_frames", rmws, only_pmd * lay.ONLY_PMD)
    pages = each_in_table(unless("pte.none", Step("zap_pte", rmws)))
    timed = replace(at_once, b=at_once.b | lay.ZAP_TIMED)
    near = option(SIZES_NEAR, pages, timed, otherwise=(at_once,))
    return (option("memcg_level_0", near, otherwise=(at_once,)),)


def convert_blocks(which: int, category: str = "teardown") -> tuple[Step, ...]:
    """Change the contiguous bit of blocks of which a part is about to change, and flush them.

    ``which`` is ``BLOCKS_*``. Where nothing has the bit, both steps take no time.
    """
    return (Step("convert_blocks", which, category=category), Step("flush_blocks", which))


def when_gather_full(*then: Step) -> Step:
    """Do some steps if what is gathered leaves no room for the pages of one more page table."""
    return Step("gather_full", 0, body=then)


def when_gathered(*then: Step) -> Step:
    """Do some steps if anything is gathered."""
    return Step("gather_full", 1, body=then)


def flush_region() -> Step:
    """Flush the translations of the gathered pages on all CPUs that run the mm."""
    return Step("flush_region")


def flush_own() -> Step:
    """Flush the pages of an actor's own region on all CPUs that run the mm."""
    return Step("flush_own")


def free_one_by_one() -> Step:
    """Free single pages that were gathered as each drop of a last reference does: for itself."""
    return Step(
        "each_round",
        body=(
            *on_lru(Step("lru_remove", 1), gathered=True),
            Step("free_frames"),
            *UNCHARGE,
            *of_single_pages(DRAIN),
        ),
    )


def each_file(*body: Step) -> Step:
    """Repeat for each file that a process maps."""
    return Step("each_file", body=body)


def each_link(*body: Step) -> Step:
    """Repeat as often as a file's i_mmap_rwsem is taken to link its mappings."""
    return Step("each_link", body=body)


def each_unlink(*body: Step) -> Step:
    """Repeat as often as unmapping a file takes its i_mmap_rwsem."""
    return Step("each_unlink", body=body)


def link_vma() -> Step:
    """Put a mapping of the file in its tree."""
    return Step("link_vma")


def unlink_vmas() -> Step:
    """Take mappings of the file out of its tree: one, or a batch."""
    return Step("unlink_vmas")


def free_gathered() -> Step:
    """Free what was gathered: off the LRU, uncharged, on the CPU's list, above that to the node."""
    unqueue = (lock("split_queue"), Step("unqueue_folio"), unlock("split_queue"))
    return Step(
        "each_round",
        body=(
            option(PARTS, Step("deferred_gathered", body=(Step("each_deferred", body=unqueue),))),
            *on_lru(Step("lru_remove"), gathered=True),
            Step("free_frames"),
            option(
                "memcg_level_0",
                Step("uncharge_due", body=UNCHARGE),
                otherwise=(Step("uncharged"),),
            ),
            *DRAIN,
            option(PARTS, *of_single_pages(DRAIN)),
        ),
    )
