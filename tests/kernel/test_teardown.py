"""The end of an mm: struct pages that the prefetcher has not caught up with."""

import pytest
from helpers import KERNEL_PS, L3_HIT_PS, MEMORY_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import jump, label
from dessim.kernel.teardown import misses_in_stream, struct_page_ps

FULL = 0xFFFFFFFF
PER_PTE, PER_TABLE = KERNEL_PS["teardown_per_pte"], KERNEL_PS["teardown_per_table"]


def an_ending_lab(pages=512, after=1, machine=None, **workload):
    """Return a lab whose only task tears down the tables of its mapping."""
    machine = machine or a_machine(cache_line={"prefetch_after": after})
    program = (jump("finish", "end", category="teardown"), label("again"))
    program += (jump("teardown_table", "again", category="teardown"), label("end"))
    return a_lab(*program, machine=machine, workload=a_workload(pages, **workload))


def populate(lab, *pages):
    """Map pages in the task's tables."""
    for page in pages:
        lab.w[lab.get(0, lay.T_PTE) + page // lay.PTE_BITS] |= 1 << page % lay.PTE_BITS
        table = lab.get(0, lay.T_TABLE) + page // 512 * lab.w[lay.H_TABLE_WORDS]
        lab.w[table + lab.w[lay.H_LINE_WORDS] + lay.D_POPULATED] = 1


def teardown(lab):
    """Return ps from the end of the last access to the end of the last table."""
    now = lab.go(0, 0)
    while lab.place(0) != "stop":
        now = lab.go(0, now)
    return now


@pytest.mark.parametrize(
    ("after", "low", "high", "misses"),
    [
        (1, FULL, FULL, 2),  # one run
        (0, FULL, FULL, 1),
        (3, FULL, FULL, 4),
        (64, FULL, FULL, 64),  # a prefetcher that needs more than there is
        (1, 0, 0, 0),
        (1, 1, 0, 1),  # a page alone
        (1, 0b1110_0110_0010, 0, 5),  # runs of 1, 2 and 3: 1 + 2 + 2
        (1, 1 << 31, 1, 2),  # a run goes on from word to word
        (1, 3 << 30, 3, 2),
        (1, 0x55555555, 0x55555555, 32),  # every other page
        (0, 0x55555555, 0x55555555, 32),
    ],
)
def test_of_each_run_the_first_struct_pages_miss(after, low, high, misses):
    """The first of a run, and as many more as the prefetcher has to see."""
    assert misses_in_stream(an_ending_lab(after=after).w, low, high) == misses


def test_a_full_table_has_a_stream_every_64_pages():
    """512 pages in 8 streams of 4 KiB of struct pages, two misses each, all in the L3."""
    lab = an_ending_lab()
    populate(lab, *range(512))
    assert teardown(lab) == 512 * PER_PTE + PER_TABLE + 16 * L3_HIT_PS


def test_pages_far_apart_miss_one_by_one():
    """Three pages in three streams: each is a run."""
    lab = an_ending_lab()
    populate(lab, 0, 100, 511)
    assert teardown(lab) == 3 * PER_PTE + PER_TABLE + 3 * L3_HIT_PS


def test_a_file_that_overflows_the_l3_comes_from_memory_in_part():
    """16 tables with 512 ptes touch 16 * 576 = 9,216 lines, of which the L3 keeps 4,096."""
    lab = an_ending_lab(pages=16 * 512)
    local = MEMORY_PS["local_ps"]
    expected = local - (local - L3_HIT_PS) * 4_096 // 9_216
    assert struct_page_ps(lab.w, lab.w[lay.H_TASK], 512) == expected
    assert struct_page_ps(lab.w, lab.w[lay.H_TASK], 1) == L3_HIT_PS  # 16 * 65 lines fit


def test_the_whole_file_counts_whatever_part_is_simulated():
    """The number of tables is that of the file: 16 GiB have 8,192."""
    lab = an_ending_lab(machine=a_machine())
    assert lab.w[lay.H_FILE_TABLES] == 1
    big = a_lab(workload=a_workload(512 * 3 + 1))
    assert big.w[lay.H_FILE_TABLES] == 4


def test_interleaved_struct_pages_are_as_far_as_the_mean_node():
    """Of two sockets half of the lines are one hop away."""
    machine = a_machine(
        memory={"file_placement": "interleave"}, topology={"l3_size_bytes": 1 << 12}
    )
    lab = an_ending_lab(pages=512 * 64, machine=machine)
    mean = (MEMORY_PS["local_ps"] + MEMORY_PS["one_hop_ps"]) // 2
    expected = mean - (mean - L3_HIT_PS) * 64 // (64 * 576)
    assert struct_page_ps(lab.w, lab.w[lay.H_TASK], 512) == expected
