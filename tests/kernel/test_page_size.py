"""Pages of 4, 16 and 64 KiB: how many there are, what their bytes cost, what a table maps."""

import pytest
from helpers import a_lab, a_machine, a_workload, scheme_setup
from small_traces import a_replay

from dessim.engines import run_setup
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.addressing import table_at
from dessim.kernel.alphabet import remember
from dessim.kernel.cost_table import COSTS
from dessim.kernel.costs import cost_row
from dessim.kernel.regions import pcp_batch, pcp_high
from dessim.kernel.setup import Batches
from dessim.kernel.world import build_world
from dessim.model.machine import Memory
from dessim.study.sweep.plan import window_order

KIB = 1024
SIZES = (4 * KIB, 16 * KIB, 64 * KIB)
MIB = 1024 * KIB


def with_pages(size, **changes):
    """Return the test machine with pages of a size."""
    return a_machine(memory={"page_size_bytes": size}, **changes)


def setup_of(size, order=0, scheme="radix_walk_trylock", file_bytes=MIB, **changes):
    """Return a run of one thread over 1 MiB, on a machine with pages of a size."""
    workload = a_workload(file_size_bytes=file_bytes, **changes)
    machine = with_pages(size, tlb=TINY_TLB)
    return scheme_setup(scheme, order, 1, machine=machine, workload=workload)


OWN_MEMORY = {"scheme": "linux", "fault": "anonymous", "mapping": "per_process"}
TINY_TLB = {"l1_entries": 8, "l1_ways": 2, "l2_entries": 16, "l2_ways": 2}


@pytest.mark.parametrize(("size", "ptes", "tables"), [(4, 512, 32), (16, 2048, 2), (64, 8192, 1)])
def test_a_page_table_is_a_page_of_ptes(size, ptes, tables):
    """A pte has 8 bytes, and a page table is a page: 64 MiB need fewer, larger tables."""
    setup = setup_of(size * KIB, file_bytes=64 * MIB)
    w = build_world(setup)
    assert setup.table_pages == ptes == 1 << w[lay.H_TABLE_SHIFT]
    assert w[lay.H_TABLES] == tables
    assert w[lay.H_FILE_TABLES] == tables


@pytest.mark.parametrize(("page", "table"), [(0, 0), (512, 0), (2047, 0), (2048, 1), (4095, 1)])
def test_a_table_of_16_kib_maps_2048_pages(page, table):
    """The cursor's table is found by 11 bits."""
    w = build_world(setup_of(16 * KIB, file_bytes=64 * MIB))
    t = int(w[lay.H_TASK])
    w[t + lay.T_CURSOR] = page
    assert table_at(w, t) == w[t + lay.T_TABLE] + table * w[lay.H_TABLE_WORDS]


def test_a_gang_holds_any_page_of_a_larger_table():
    """The marks of a lookup have a bit for each of 2,048 pages."""
    workload = a_workload(file_size_bytes=32 * MIB)
    lab = a_lab(*[remember()] * 2, machine=with_pages(16 * KIB), workload=workload)
    for page in (511, 2047):
        lab.on_page(0, page)
        lab.go(0, 9)
    words = [lab.w[lab.get(0, lay.T_GANG) + i] for i in range(2048 // lay.PTE_BITS)]
    assert [i for i in range(2048) if words[i // 32] >> (i % 32) & 1] == [511, 2047]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_done_to_bytes_costs_as_many_times_as_much(size):
    """Zeroing, copying and reading grow with the page; looking up and mapping do not."""
    small, large = (
        dict(zip(COSTS, cost_row(setup_of(s), 1, siblings=0), strict=True)) for s in (4 * KIB, size)
    )
    factor = size // (4 * KIB)
    for name in ("zero_page", "copy_page", "read_page_dram", "read_page_l3"):
        assert large[name] == factor * small[name]
    for name in ("find_vma", "set_pte", "touch_word", "charge_page", "invlpg"):
        assert large[name] == small[name]
    zeroed = (factor - 1) * small["zero_page"]
    assert large["alloc_page_table"] == small["alloc_page_table"] + zeroed


@pytest.mark.parametrize("size", SIZES)
def test_bandwidth_and_caches_count_bytes(size):
    """A page takes its bytes of a node's bandwidth and of an L3."""
    w = build_world(setup_of(size, **OWN_MEMORY))
    l3 = with_pages(size).topology.l3_size_bytes
    assert w[lay.H_L3_PAGES] == l3 // size
    assert w[lay.H_NODE_PAGE] == size * 10**12 // 10**15
    assert w[w[lay.H_NODE_ZERO]] == 3 * w[lay.H_NODE_PAGE] // 2


@pytest.mark.parametrize(("size", "batch", "high"), [(4, 63, 512), (16, 15, 128), (64, 3, 32)])
def test_lists_of_free_pages_hold_as_many_bytes(size, batch, high):
    """zone_batchsize() is a quarter of 1 MiB, less a page; the list's limit is a part of memory."""
    setup = setup_of(size * KIB, **OWN_MEMORY)
    setup = setup.__class__(**{**setup.__dict__, "batches": Batches()})
    assert (pcp_batch(setup, 1), pcp_high(setup, 1)) == (batch, high)


class Asked:
    """What `window_order` reads of a point."""

    def __init__(self, size, order):
        self.machine, self.fault_around_order = with_pages(size), order


@pytest.mark.parametrize(
    ("order", "windows"), [(4, (4, 2, 0)), (9, (9, 7, 5)), (3, (3, 1, 0)), (0, (0, 0, 0))]
)
def test_a_window_has_a_number_of_bytes(order, windows):
    """Order 4 is 64 KiB: 16 pages, 4, or the one that faults."""
    assert tuple(window_order(Asked(size, order)) for size in SIZES) == windows


@pytest.mark.parametrize(("size", "order", "faults"), [(4, 4, 16), (16, 2, 16), (64, 0, 16)])
def test_reads_of_a_file_fault_once_a_window(size, order, faults):
    """A window of 64 KiB makes 16 faults of 1 MiB, whatever the page."""
    run = run_setup(setup_of(size * KIB, order=order), engine="reference")
    assert run.faults == faults
    assert run.counters["pages_mapped"] == MIB // KIB // size
    assert run.page_bytes == size * KIB


@pytest.mark.parametrize(("size", "faults"), [(4, 256), (16, 64), (64, 16)])
def test_memory_faults_once_a_page(size, faults):
    """Larger pages make fewer faults, which zero as many bytes in the end."""
    run = run_setup(setup_of(size * KIB, **OWN_MEMORY), engine="reference")
    assert run.faults == faults
    smaller = run_setup(setup_of(4 * KIB, **OWN_MEMORY), engine="reference")
    assert run.time_ps["zeroing"] == smaller.time_ps["zeroing"]


def test_a_tlb_reaches_further_with_larger_pages():
    """The same words of 256 KiB miss 24 entries of 4 KiB, but not of 16."""
    words = {"access": "random", "touches_per_page": 8, "file_bytes": 256 * KIB}
    misses = [
        run_setup(setup_of(size, **words), engine="reference").counters["tlb_misses"]
        for size in SIZES
    ]
    assert misses[0] > 5 * misses[1]
    assert misses[1:] == [16, 4]


def test_the_same_words_are_read_whatever_the_page():
    """Random reads are as many for a file, not for a page."""
    counts = {setup_of(size, access="random", touches_per_page=8).accesses for size in SIZES}
    assert counts == {256 * 8}


def test_the_last_page_need_not_be_full():
    """20 KiB are two pages of 16 KiB, and one of 64."""
    assert [setup_of(size, file_bytes=20 * KIB).pages for size in SIZES] == [5, 2, 1]


@pytest.mark.parametrize("size", [8 * KIB, 32 * KIB])
def test_other_sizes_are_refused(size):
    """There are three sizes."""
    with pytest.raises(ValueError, match="4KiB, 16KiB or 64KiB"):
        Memory(
            local_ps=1,
            bandwidth_per_socket_bytes_per_s=10**6,
            file_placement="interleave",
            page_size_bytes=size,
        )


def test_a_trace_of_4_kib_pages_needs_a_machine_that_has_them(tmp_path):
    """A recorded page is 4 KiB: nobody knows what would have faulted with others."""
    workload = a_replay(tmp_path, [(0, 0, 5, 0, 0)], processes=(0,))
    machine = with_pages(16 * KIB)
    setup = scheme_setup("radix_walk_trylock", 4, 1, machine=machine, workload=workload)
    with pytest.raises(UserError, match=r"set memory\.page_size to 4KiB"):
        build_world(setup)
