"""Numbers that do not fit the compiled engine's integers are refused, never wrapped."""

import pytest
from helpers import a_lock_loop, a_machine, a_workload, lock_loop_setup, scheme_setup

from dessim.engines import compiled, run_setup


def test_costs_beyond_64_bits_are_refused(run_compiled):
    """A cost with which a product could overflow is an error, not a wrong result."""
    loop = a_lock_loop(think_ps=10**13, hold_ps=1, iterations=1)
    with pytest.raises(OverflowError, match="use --engine reference"):
        run_compiled(lock_loop_setup(loop, 2))
    assert run_setup(lock_loop_setup(loop, 2), "reference").completion_ps == 10**13 + 2


def test_times_beyond_64_bits_are_refused(run_compiled):
    """A run that lasts longer than a key can hold is an error, not a wrong order of events."""
    last = compiled.loop.NEVER >> 1
    for start_ps, error in ((last - 10**11, False), (last - 100, True), (last + 100, True)):
        workload = a_workload(pages=1, start_stagger_ps=start_ps, start_jitter_ppm=0)
        setup = scheme_setup("no_fault_around", 0, 2, a_machine(), workload)
        if not error:
            assert run_compiled(setup) == run_setup(setup, "reference")
            continue
        with pytest.raises(OverflowError, match="counts no further"):
            run_compiled(setup)
