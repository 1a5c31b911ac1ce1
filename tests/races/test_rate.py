"""How often the BUG_ONs of an invalidation fire beside lockless fault-around: against formulas.

Per invalidation of a page, with attempts of rate rho on it, a mapcount raised for w before it is
undone, delta between the first look at the mapcount and BUG1, and gap between that look and BUG2:
unmapped page P(BUG1) = rho delta, P(BUG2) = rho min(w, gap); mapped page rho w for both.

Assumptions, which the runs meet: attempts are a Poisson process that does not know of the
invalidations (16 tasks with exponential pauses, each with page tables of its own), rho w << 1, and
costs of cache lines that hardly depend on who had the line. The steps are those of the scheme and
of the actor; around them, a mapping that succeeded is undone and the page is put back.
"""

from dataclasses import replace

import pytest
from helpers import DISTANCES, LINE_PS, STOP, a_machine, a_workload
from scipy import stats

from dessim.actors.invalidate_range import DELETE, OPTIONS, UNMAP_AND_CHECK
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    clear_pte,
    count,
    dec,
    get_page,
    jump,
    label,
    lock,
    lock_page,
    populate_table,
    put_page,
    set_flags,
    unless,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.kernel.assembler import assemble
from dessim.kernel.programs import LARGE_FOLIOS, actor_program
from dessim.kernel.world import ActorSetup, Setup
from dessim.schemes import gang_lookup_mapcount

LOAD, RMW = 200_000, 10_000
RAISED = 1_000_000  # work between raising the mapcount and the re-check
RAISED_FOR = RMW + RAISED + LOAD  # w
TASKS, RUNS = 16, 8
MEAN_PAUSE = 500_000_000
DURATION = 60_000_000_000


def the_machine(removal_ps: int):
    """Return a machine of one L3 on which a load costs 200 ns, an RMW 10 ns, all else little."""
    costs = {"load": LOAD, "store": RMW, "rmw": RMW}
    lines = {name: dict.fromkeys(DISTANCES, costs[name.split("_")[0]]) for name in LINE_PS}
    locals_ps = {f"local_{op}_ps": ps for op, ps in costs.items()}
    return a_machine(
        topology={
            "sockets": 1,
            "l3_per_socket": 1,
            "threads_per_core": 1,
            "cores_per_l3": 2 * TASKS + 1,
        },
        cache_line={**lines, **locals_ps},
        memory=dict.fromkeys(("local_ps", "one_hop_ps", "two_hops_ps"), RMW),
        kernel={
            **dict.fromkeys(("lock_local_ps", "unlock_page_ps", "clear_pte_ps"), 0),
            **dict.fromkeys(("page_checks_ps", "set_pte_ps"), 0),
            "lookup_descent_ps": 5 * RAISED,
            "rmap_ps": RAISED,
            "remove_from_page_cache_ps": removal_ps,
            "process_exit_ps": DURATION,
        },
    )


def attempts(task: int) -> tuple[Step, ...]:
    """Return one attempt to map page 0 in the page tables of a task, undone if it succeeds."""
    to_its_mapping = [
        step
        for i in range(task)
        for step in (jump("next_mapping", f"mapping {i}"), label(f"mapping {i}"))
    ]
    return (
        Step("first_mapping"),
        *to_its_mapping,
        populate_table(),
        get_page(),
        work("lookup_descent"),  # the rest of the window lies between the scheme's two passes
        lock("ptl"),
        count("touches"),
        *gang_lookup_mapcount.MAP_ONE,
        unless("pte.none", clear_pte(), dec("page.mapcount"), put_page()),
        unlock("ptl"),
    )


INVALIDATE = (
    get_page(),
    lock_page(),
    when("page.ours", *UNMAP_AND_CHECK, *DELETE),
    set_flags(0, lay.FLAG_OURS),
    get_page(),
    unlock_page(),
    put_page(),
)


def a_race(removal_ps: int, seed: int, every_ps: int = 5_000_000) -> Setup:
    """Return a run of attempts and invalidations; its threads only lend their page tables."""
    idle = assemble((work("process_exit"), jump("finish", "end"), label("end"), STOP))
    actors = [
        ActorSetup(
            assemble(actor_program(attempts(i)), gang_lookup_mapcount.OPTIONS), MEAN_PAUSE, 1
        )
        for i in range(TASKS)
    ]
    options = OPTIONS | {LARGE_FOLIOS: False}
    actors.append(ActorSetup(assemble(actor_program(INVALIDATE), options), every_ps, 1))
    machine, workload = the_machine(removal_ps), a_workload(pages=1)
    return Setup(machine, workload, idle, TASKS, 0, None, seed, 0, tuple(actors))


def expected(result, removal_ps: int) -> dict[str, float]:
    """Return how often each BUG_ON should have fired in a run."""
    counts = result.counters
    rho = counts["touches"] / result.completion_ps
    mapped = counts["unmaps"]
    unmapped = counts["pages_removed"] - mapped
    delta = LOAD
    gap = 2 * LOAD + RMW + removal_ps
    return {
        "bug1": rho * (unmapped * delta + mapped * RAISED_FOR),
        "bug2": rho * (unmapped * min(RAISED_FOR, gap) + mapped * RAISED_FOR),
    }


@pytest.mark.slow
@pytest.mark.parametrize("removal_ps", [300_000, 3_000_000])
def test_the_rate_of_bugs_is_that_of_the_formulas(removal_ps, run_compiled):
    """Over many invalidations each BUG_ON fires as often as predicted, within 99.9 % and 5 %."""
    results = [run_compiled(a_race(removal_ps, seed)) for seed in range(RUNS)]
    for bug in ("bug1", "bug2"):
        found = sum(result.counters[bug] for result in results)
        predicted = sum(expected(result, removal_ps)[bug] for result in results)
        low, high = stats.poisson.interval(0.999, predicted)
        assert predicted > 200
        assert 0.95 * low <= found <= 1.05 * high, (bug, found, predicted)


def test_without_attempts_no_bug_fires(run_compiled):
    """Invalidations of a page on which nobody works find it unmapped, every time."""
    setup = a_race(300_000, 1)
    counts = run_compiled(replace(setup, actors=setup.actors[-1:])).counters
    assert counts["pages_removed"] > 1_000
    assert (counts["bug1"], counts["bug2"], counts["unmaps"]) == (0, 0, 0)
