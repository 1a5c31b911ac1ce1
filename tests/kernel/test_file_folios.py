"""Files in large folios: how many faults map them, and what versions of Linux count."""

import pytest
from helpers import LOCAL_PS, a_machine, a_workload, scheme_setup

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel.setup import Setup

PAGES = 4_096


def run_of(scheme, folio_order, order=4, pages=PAGES, threads=1, **options):
    """Return one run of a file in folios."""
    program = registry.thread_program(
        registry.load(scheme), options, order, large_folios=folio_order > 0
    )
    workload = a_workload(pages=pages, mapping="per_process")
    setup = Setup(a_machine(), workload, program, threads, order, None, 1, 0, (), folio_order)
    return run_setup(setup, engine="reference")


@pytest.mark.parametrize(
    ("scheme", "folio_order", "faults"),
    [
        ("linux_6_17", 0, 256),
        ("linux_6_17", 9, 256),
        ("linux_6_18", 0, 256),
        ("linux_6_18", 3, 256),
        ("linux_6_18", 4, 256),
        ("linux_6_18", 6, 64),
        ("linux_6_18", 8, 16),
        ("linux_6_18", 9, 8),
    ],
)
def test_from_6_18_on_a_fault_maps_its_folio_beyond_the_window(scheme, folio_order, faults):
    """16 MiB take 8 to 16 faults in folios of 1 and 2 MiB, and 256 where windows are the limit."""
    run = run_of(scheme, folio_order)
    assert run.faults == faults
    assert run.counters["pages_mapped"] == run.counters["ptes_cleared"] == PAGES


@pytest.mark.parametrize("folio_order", [6, 9])
def test_without_fault_around_the_target_s_folio_is_mapped_all_the_same(folio_order):
    """finish_fault() maps the whole folio, too."""
    assert run_of("linux", folio_order, order=0).faults == PAGES >> folio_order


def test_the_last_folio_that_the_file_ends_in_is_mapped_by_windows():
    """folio_within_vma(): 40 pages in folios of 32 take a fault for the first, and one a window."""
    assert run_of("linux", 5, order=2, pages=40).faults == 3


@pytest.mark.parametrize(
    ("scheme", "rmws"),
    [("linux_6_1", 0), ("linux_6_6", 1), ("linux_6_12", 2), ("linux_6_15", 3)],
)
def test_versions_count_mappings_of_a_folio(scheme, rmws):
    """_nr_pages_mapped, _large_mapcount, and the bit lock of mm ids: an RMW each for a run."""
    with_counts = run_of(scheme, 4, pages=64)
    without = run_of(scheme, 4, pages=64, folio_counts="none")
    more = with_counts.time_ps["page_lines"] - without.time_ps["page_lines"]
    assert more == 4 * rmws * LOCAL_PS["rmw"]


def test_threads_that_meet_in_a_folio_leave_counts_in_order():
    """Processes on one file in folios of 2 MiB: no count is lost, which the end of a run checks."""
    run = run_of("linux", 9, pages=2_048, threads=8)
    assert run.counters["ptes_cleared"] == 8 * 2_048


def test_schemes_of_single_pages_are_as_before():
    """Nothing of this is in a program for a file of single pages."""
    single = scheme_setup("linux_6_18", 4, 1).program.listing
    assert single == scheme_setup("linux_6_17", 4, 1).program.listing
    assert "count folio" not in single
