"""The device: its queue, its slots, what readers of a missing page do, and readahead."""

from helpers import DEVICE, KERNEL_PS, a_lab, a_machine, a_workload

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import read_ahead, submit_read
from dessim.kernel.world import Setup

READ = DEVICE["read_latency_ps"]


def missing(*program, cached_ppm=0, machine=None, threads=1, **changes):
    """Return a lab with a device of two slots and a file of which nothing is in the page cache."""
    workload = a_workload(cached_ppm=cached_ppm, **changes)
    machine = machine or a_machine(device=DEVICE)
    return a_lab(*program, threads=threads, machine=machine, workload=workload)


def waiting(lab):
    """Return the pages in the device's queue, in order."""
    pages, page = [], lab.w[lay.H_IO_HEAD]
    while page:
        pages.append(page - 1)
        page = lab.page(page - 1, lay.P_NEXT)
    return pages


def run(threads=1, pages=4, queue_depth=2, scheme="no_fault_around", order=0, **changes):
    """Run threads on a file that has to be read."""
    workload = a_workload(pages=pages, page_touch="touch_word", cached_ppm=0, **changes)
    program = registry.thread_program(
        registry.load(scheme),
        {},
        order,
        page_cache_changes=True,
        reads_ahead=workload.readahead_pages > 0,
    )
    machine = a_machine(
        device={**DEVICE, "queue_depth": queue_depth}, topology={"threads_per_core": 1}
    )
    return run_setup(Setup(machine, workload, program, threads, order, None, 1, 0), "reference")


def test_submit_read_queues_pages_in_order():
    """Reads wait in order of submission; submitting is free."""
    lab = missing(*[submit_read()] * 3)
    for page in (5, 2, 9):
        lab.on_page(0, page)
        assert lab.go(0, 4) == 4
    assert waiting(lab) == [5, 2, 9]


def test_submit_read_starts_an_idle_slot():
    """A slot of the device that has nothing to do starts when a page is submitted."""
    lab = missing(submit_read())
    for slot in (1, 2):
        assert lab.go(slot, 0) == lay.ASLEEP
    lab.go(0, 70)
    assert list(lab.woken().values()) == [70]


def test_io_next_takes_the_first_page_and_idles_without_one():
    """A slot takes pages first come first served; without any it sleeps and is found again."""
    lab = missing(submit_read(), submit_read())
    for page in (3, 1):
        lab.on_page(0, page)
        lab.go(0, 0)
    for slot, page in ((1, 3), (2, 1)):
        assert lab.go(slot, 5) == 5
        assert lab.get(slot, lay.T_CURSOR) == page
    assert lab.counter("pages_read") == 2
    assert waiting(lab) == []


def test_io_next_ends_the_device_with_the_workload():
    """When the last thread has finished, a slot goes to its end, idle or not."""
    lab = missing()
    lab.w[lay.H_LIVE] = 0
    at = lab.go(1, 0)
    assert at == 0
    assert lab.go(1, at) == lay.ENDED


def test_io_next_reads_what_was_submitted_before_the_workload_ended():
    """An actor may wait for the page: its read is not dropped with the last thread."""
    lab = missing(submit_read())
    lab.on_page(0, 3)
    lab.go(0, 0)
    lab.w[lay.H_LIVE] = 0
    assert lab.go(1, 5) == 5
    assert lab.get(1, lay.T_CURSOR) == 3
    at = lab.go(2, 5)
    assert lab.go(2, at) == lay.ENDED


def test_read_ahead_reads_the_next_pages_and_marks_the_first():
    """The pages behind the cursor are put in the cache, locked, the first with the marker."""
    lab = missing(read_ahead(), readahead_pages=3)
    lab.on_page(0, 4)
    assert lab.go(0, 0) == 3 * KERNEL_PS["add_to_page_cache"]
    assert waiting(lab) == [5, 6, 7]
    new = lay.FLAG_LOCKED | lay.FLAG_OURS
    assert [lab.page(p, lay.P_FLAGS) for p in (4, 5, 6, 7, 8)] == [
        0,
        new | lay.FLAG_READAHEAD,
        new,
        new,
        0,
    ]


def test_read_ahead_leaves_out_pages_that_are_there_and_the_end_of_the_file():
    """Pages in the cache, or still held by somebody, are not read; none lies behind the file."""
    lab = missing(read_ahead(), readahead_pages=9)
    lab.on_page(0, 11)
    lab.w[lab.page_at(12) + lay.P_FLAGS] = lay.FLAG_UPTODATE | lay.FLAG_OURS
    lab.w[lab.page_at(13) + lay.P_REFCOUNT] = 1
    assert lab.go(0, 0) == 2 * KERNEL_PS["add_to_page_cache"]
    assert waiting(lab) == [14, 15]
    assert lab.page(14, lay.P_FLAGS) & lay.FLAG_READAHEAD


def test_a_missing_page_is_read_once_and_its_faulters_sleep():
    """Threads that fault on one missing page cause one read; all but nobody sleep until it ends."""
    result = run(threads=3, pages=1)
    counts = result.counters
    assert (counts["pages_read"], counts["major_faults"]) == (1, 1)
    assert counts["page_lock_waits"] == counts["wake_ups"] == 3
    assert counts["pages_mapped"] == 3
    assert result.first_finish_ps > READ


def test_the_device_serves_as_many_reads_at_once_as_its_queue_is_deep():
    """Nine reads submitted at once take nine latencies with one slot, three with three, or one."""
    for depth, latencies in ((1, 9), (3, 3), (9, 1)):
        result = run(pages=9, queue_depth=depth, readahead_pages=8)
        assert result.counters["pages_read"] == 9
        work = result.finish_ps - latencies * READ
        assert 0 < work < READ  # nine faults and what lies between them


def test_a_sequential_reader_waits_for_every_page_without_readahead():
    """One reader never has two reads under way: the file takes a latency a page."""
    result = run(pages=6)
    assert result.counters["major_faults"] == 6
    assert 6 * READ < result.finish_ps < 6 * READ + 6 * 10**7


def test_readahead_reads_while_the_reader_works():
    """With readahead the reader misses once; the marker starts the next window in time."""
    result = run(pages=16, readahead_pages=4, queue_depth=4)
    assert result.counters["pages_read"] == 16
    assert result.counters["major_faults"] < 4
    assert result.finish_ps < 10 * READ


def test_a_page_read_from_the_device_is_mapped_as_any_other():
    """After the read the same fault goes on and maps the page: one fault, one pte."""
    counts = run(pages=2).counters
    assert (counts["minor_faults"], counts["pages_mapped"], counts["fault_retries"]) == (2, 2, 0)
