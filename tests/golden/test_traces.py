"""One short trace of each scheme: did anything change unnoticed.

A line is the time in ps and the step, in a column for each CPU. ``pytest --update-golden`` writes
the files anew; a change of a file is a change of results and needs its reason in the change log.
"""

from pathlib import Path

import pytest
from helpers import a_machine, a_workload, scheme_setup

from dessim import registry
from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.world import build_world

FOLDER = Path(__file__).parent / "traces"
PAGES = 2
COLUMN = " " * 28


def trace(scheme, threads, **options):
    """Return the events of a run on a file of one window, up to the end of each CPU's touches."""
    machine = a_machine(topology={"threads_per_core": 1})
    workload = a_workload(
        pages=PAGES,
        mapping="per_process",
        page_touch="touch_word",
        start_stagger_ps=150_000,
        start_jitter_ppm=0,
    )
    setup = scheme_setup(
        scheme, 0 if scheme == "no_fault_around" else 2, threads, machine, workload, **options
    )
    log = []
    w = build_world(setup).tolist()
    Reference(w, log).run()
    ends = [w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_FINISH] for i in range(threads)]
    return "".join(
        f"{at:>11,}  {COLUMN * task}{setup.program.listing[pc]}\n"
        for at, task, pc in log
        if at <= ends[task]
    )


@pytest.mark.parametrize("scheme", registry.names())
def test_a_window_mapped_by_one_cpu(scheme, golden):
    """Alone, a scheme goes through exactly these steps at exactly these times."""
    golden(FOLDER / f"{scheme}.one.txt", trace(scheme, 1))


@pytest.mark.parametrize("scheme", registry.names())
def test_a_window_mapped_by_two_processes_at_once(scheme, golden):
    """Two processes that fault on the same pages meet exactly like this."""
    golden(FOLDER / f"{scheme}.two.txt", trace(scheme, 2))


def test_a_window_with_the_page_lock_tested_first(golden):
    """The option `precheck` adds exactly its test to the trace."""
    text = trace("gang_lookup_mapcount", 1, precheck=True)
    golden(FOLDER / "gang_lookup_mapcount.precheck.txt", text)
