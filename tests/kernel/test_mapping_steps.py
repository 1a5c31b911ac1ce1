"""Steps of tasks that only map and unmap their regions, and the tree of mappings they change."""

from helpers import LINE_PS
from memory_labs import SAME_L3, regions

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.frame_delays import TREE_LINES
from dessim.kernel.memory_words import write_tree


def test_write_tree_brings_the_lines_from_whoever_changed_it_last():
    """The first change finds nothing, one's own next is at hand, another core's comes over."""
    lab = regions(write_tree(), write_tree(), threads=3)
    assert lab.go(0, 0) == 0
    assert lab.go(0, 0) == 0
    assert lab.go(2, 0) == TREE_LINES * LINE_PS["store_modified"][SAME_L3]
    assert lab.spent(2, "mmap_lock") == TREE_LINES * LINE_PS["store_modified"][SAME_L3]


def test_skip_pages_counts_a_sweep_that_touches_nothing():
    """It is an access, and enough of them for the region to be unmapped; its latency begins."""
    lab = regions(Step("skip_pages"))
    assert lab.go(0, 7) == 7
    assert (lab.get(0, lay.T_ACCESS), lab.get(0, lay.T_TOUCHED)) == (1, 1)
    assert lab.get(0, lay.T_FAULT_AT) == 7
    assert lab.counter("touches") == 0


def test_region_done_ends_the_latency_of_a_pair_of_munmap_and_mmap():
    """It is recorded when the task's next shared step is due."""
    lab = regions(Step("skip_pages"), Step("region_done"))
    lab.put(0, lay.T_FAULT_AT, 0)
    lab.go(0, 7)
    lab.go(0, 19)
    assert lab.get(0, lay.T_FAULT_END) - lab.get(0, lay.T_FAULT_AT) == 12
    assert lab.get(0, lay.T_DUE) & lay.DUE_LATENCY
