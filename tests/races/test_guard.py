"""The reference engine notices at once what contradicts itself; both engines do at the end."""

import pytest
from helpers import a_machine, a_workload
from racing import race

from dessim.engines import compiled, reference, run_setup
from dessim.engines.deadlock import FatalBug
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import assemble
from dessim.kernel.invariants import BrokenError, Guard
from dessim.kernel.ops import NUMBERS, OP_ADD_FOLIO_REFS
from dessim.kernel.result import InvariantError, check_at_rest
from dessim.kernel.steps import advance
from dessim.kernel.world import Setup, build_world


def spoiled(op, change, **race_options):
    """Run a race in which a kind of step does something more to its page."""
    w = build_world(race("radix_walk_trylock", **race_options)).tolist()

    def spoil(w, task, now):
        t = w[lay.H_TASK] + task * lay.T_WORDS
        done = w[w[lay.H_PROG] + w[t + lay.T_PC] * lay.I_WORDS + lay.I_OP] == NUMBERS[op]
        record = w[lay.H_PAGE] + w[t + lay.T_CURSOR] * w[lay.H_PAGE_WORDS]
        events = w[lay.H_EVENTS]
        then = advance(w, task, now)
        if done and w[lay.H_EVENTS] > events:
            change(w, record)
        return then

    reference.Reference(w, None, spoil).run()


def lose_mapcount(w, record):
    """Lose a mapping."""
    w[record + lay.P_MAPCOUNT] -= 1


def lose_references(w, record):
    """Free the page."""
    w[record + lay.P_REFCOUNT] = 0


def lose_page(w, record):
    """Take the page out of the file."""
    w[record + lay.P_FLAGS] &= ~lay.FLAG_OURS


@pytest.mark.parametrize("change", [lose_mapcount, lose_references, lose_page])
def test_the_reference_engine_stops_at_the_event_that_breaks_a_page(change):
    """Step, task and time are reported as soon as counts, ptes and page cache disagree."""
    with pytest.raises(BrokenError, match=r"page \d+: .*after set_pte of task \d+ at \d+ ps"):
        spoiled("set_pte", change)


def test_the_guard_can_be_left_out():
    """Without it the same run goes on to its end, where it is found."""
    w = build_world(race("radix_walk_trylock")).tolist()
    reference.run(w, check=False)
    w[w[lay.H_PAGE] + lay.P_MAPCOUNT] = 1
    with pytest.raises(InvariantError, match="page 0"):
        check_at_rest(w)


def test_a_pte_that_is_left_is_found_at_the_end():
    """Counts may agree with each other and not with the page tables."""
    w = build_world(race("radix_walk_trylock"))
    compiled.run(w)
    check_at_rest(w)
    w[w[w[lay.H_MAPPING] + lay.M_PTE]] = 4
    with pytest.raises(InvariantError, match="mapped at the end"):
        check_at_rest(w)


def test_the_guard_looks_at_all_pages_of_a_folio():
    """A folio's references are its head's: every page of it must keep them."""
    setup = race("folio_batch", threads=1, pages=8, options={"folio_order": 2})
    w = build_world(setup).tolist()
    w[w[w[lay.H_MAPPING] + lay.M_PTE]] = 0b1000
    w[w[lay.H_PAGE] + 3 * w[lay.H_PAGE_WORDS] + lay.P_MAPCOUNT] = 1
    guard = Guard(w)
    guard.op, guard.page = OP_ADD_FOLIO_REFS, 0
    guard.after(0, 0)
    w[w[lay.H_PAGE] + lay.P_REFCOUNT] = 0
    with pytest.raises(BrokenError, match="page 3: 1 ptes"):
        guard.after(0, 0)


def fatal(seed):
    """Return a race in which S2 meets a BUG_ON that it does not survive."""
    return race(
        "gang_lookup_mapcount",
        *["invalidate_range"] * 2,
        seed=seed,
        actor_options={"fatal": True},
    )


def test_a_fatal_bug_ends_the_run_in_the_same_words_on_both_engines():
    """Time, task and page of the first BUG_ON are reported, and nothing happens afterwards."""
    said = {}
    for seed in range(8):
        for engine in ("reference", "compiled"):
            try:
                run_setup(fatal(seed), engine)
            except FatalBug as bug:
                said.setdefault(seed, []).append(str(bug))
    assert said
    for texts in said.values():
        assert len(texts) == 2
        assert texts[0] == texts[1]
        assert texts[0].startswith("kernel BUG")


def test_a_fatal_bug_that_never_fires_changes_nothing():
    """Where no BUG_ON fires, the run is that with BUG_ONs that only count."""
    runs = [
        run_setup(
            race("radix_walk_trylock", "invalidate_range", actor_options={"fatal": fatal}),
            "reference",
        )
        for fatal in (False, True)
    ]
    assert runs[0] == runs[1]


def test_a_program_that_maps_without_counting_is_caught():
    """A scheme that sets a pte and forgets the mapcount does not get away with it."""
    program = assemble((Step("begin", category="run_queue"), Step("set_pte"), Step("stop")))
    setup = Setup(a_machine(), a_workload(), program, 1, 0, None, 1, 0)
    with pytest.raises(BrokenError, match="page 0: 1 ptes, mapcount 0"):
        reference.run(build_world(setup).tolist())
