"""Words of the header that say how large pages, page tables and TLBs are."""

from dessim.kernel import layout as lay
from dessim.kernel.regions import Sizes
from dessim.kernel.setup import LINE_BYTES, Setup
from dessim.model.costs import Tlb


def pages_and_tables(setup: Setup, sizes: Sizes) -> dict[int, int]:
    """Return the words that follow from the size of a page."""
    machine = setup.machine
    bandwidth = machine.memory.bandwidth_per_socket_bytes_per_s
    return {
        lay.H_TABLES: sizes.tables,
        lay.H_TABLE_SHIFT: setup.table_pages.bit_length() - 1,
        lay.H_TABLE_LINES: setup.page_bytes // LINE_BYTES,
        lay.H_FILE_TABLES: -(-setup.file_pages // setup.table_pages),
        lay.H_L3_PAGES: machine.topology.l3_size_bytes // setup.page_bytes,
        lay.H_NODE_PAGE: setup.page_bytes * 10**12 // bandwidth,
    }


def translation(tlb: Tlb) -> dict[int, int]:
    """Return the words that say how large the TLBs are and when they are flushed."""
    return {
        lay.H_TLB_L1_SETS: tlb.l1_entries // tlb.l1_ways,
        lay.H_TLB_L1_WAYS: tlb.l1_ways,
        lay.H_TLB_L2_SETS: tlb.l2_entries // tlb.l2_ways,
        lay.H_TLB_L2_WAYS: tlb.l2_ways,
        lay.H_FLUSH_CEILING: tlb.flush_ceiling_pages,
        lay.H_PCID: int(tlb.pcid),
    }
