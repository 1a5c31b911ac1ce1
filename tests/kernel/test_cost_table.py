"""The cost table follows from the declarations: places, scales, categories."""

from dataclasses import replace

import pytest

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import ProgramError, Step, work
from dessim.kernel.assembler import assemble
from dessim.kernel.cost_table import OF_MACHINE, check
from dessim.kernel.costs import cost_row
from dessim.kernel.placement import clock_stretch_ppm
from dessim.model import load_machine
from dessim.model.costs import Cost
from dessim.model.provenance import FREE
from tests.helpers import a_lab, scheme_setup

SETUP = scheme_setup("lock_each_page", 2, 1, load_machine("ivybridge-ex-4s"))
MACHINE = SETUP.machine
BY_NAME = {cost.name: cost for cost in OF_MACHINE}
FIXED = {
    *("teardown_per_pte", "teardown_per_table", "process_exit", "device_read", "device_write"),
    *("complete_command", "complete_page"),
}
FROM_MEMORY = {"read_page_dram", "touch_word", "random_word", "zero_page", "copy_page"}


def test_the_first_cost_is_none() -> None:
    """A step without work of its own has cost 0, which costs nothing."""
    assert cost_table.COSTS[0] == "none"
    assert cost_row(SETUP, 1, siblings=1)[0] == 0


def test_drawn_costs_are_those_that_delays_draw() -> None:
    """Reads of pages and of the device, pauses and hold times: the engine bounds their products."""
    names = {cost_table.COSTS[place] for place in cost_table.DRAWN}
    assert names == {
        *("read_page_dram", "read_page_l3", "device_read", "device_write", "think", "hold")
    }


def test_every_cost_has_one_place() -> None:
    """Names are places; a constant is the place of its name."""
    assert len(set(cost_table.COSTS)) == cost_table.N_COSTS
    assert cost_table.COSTS[cost_table.COST_SLEEP] == "page_lock_sleep"
    assert len(cost_row(SETUP, 1, siblings=0)) == cost_table.N_COSTS


@pytest.mark.parametrize("cost", OF_MACHINE, ids=lambda cost: cost.name)
def test_a_cost_alone_is_the_profiles_number(cost) -> None:
    """One busy core and an idle sibling: nothing is stretched."""
    row = cost_row(SETUP, 1, siblings=0)
    assert row[cost_table.index(cost.name)] == cost.ps(MACHINE)


@pytest.mark.parametrize("cost", OF_MACHINE, ids=lambda cost: cost.name)
def test_a_cost_scales_as_it_is_declared(cost) -> None:
    """The clock stretches work, not memory nor the end; the sibling slows both kinds of work.

    A page walk it does not slow: the siblings take turns at what walks.
    """
    stretched = clock_stretch_ppm(MACHINE, 30)
    slow = {"kernel": MACHINE.smt.kernel_slowdown_ppm, "user": MACHINE.smt.user_slowdown_ppm}
    assert stretched > 1_000_000
    ps = cost.ps(MACHINE)
    if cost.name not in FIXED | FROM_MEMORY:
        ps = ps * stretched // 1_000_000
    if cost.name not in FIXED | {"page_walk"}:
        user = cost.path.startswith("user.")
        ps = ps * slow["user" if user else "kernel"] // 1_000_000
    assert cost_row(SETUP, 30, siblings=1)[cost_table.index(cost.name)] == ps


@pytest.mark.parametrize(("threads", "work"), [(1, 1.0), (2, 1.25), (4, 1.43), (8, 1.54)])
def test_siblings_of_a_core_never_do_more_than_its_slots_allow(threads: int, work: float) -> None:
    """With a slow-down of 1.6, eight threads of one core do 1.54 times what one does, not 5.6."""
    smt = MACHINE.smt.model_copy(update={"user_slowdown_ppm": 1_600_000})
    setup = replace(SETUP, machine=MACHINE.model_copy(update={"smt": smt}))
    place = cost_table.index("touch_word")
    alone = cost_row(setup, 1, siblings=0)[place]
    together = cost_row(setup, 1, siblings=threads - 1)[place]
    assert threads * alone / together == pytest.approx(work, abs=0.005)


def test_a_step_counts_as_its_cost_says() -> None:
    """Work has the category of the cost, or, where that has none, of the step."""
    for name, category in (("rmap", "map"), ("find_vma", "entry_exit"), ("wakeup", "idle")):
        words = assemble((Step("work", cost=name, category="idle"), Step("stop"))).words
        assert words[lay.I_COST] == cost_table.index(name)
        assert lay.CATEGORIES[words[lay.I_COST_CATEGORY]] == category


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"meaning": ""}, "no docstring"),
        ({"cost": Cost("lookups")}, "no category 'lookups'"),
        ({"default": FREE}, "belong together"),
        ({"required": False}, "belong together"),
        ({"name": "find_vma"}, "two costs are called 'find_vma'"),
        ({"name": "none"}, "two costs are called 'none'"),
    ],
)
def test_a_half_declared_cost_is_refused(changed, said) -> None:
    """Each way to declare a cost by half stops the import, and says which cost it is."""
    with pytest.raises(TypeError, match=said):
        check((*OF_MACHINE, replace(BY_NAME["rmap"], **({"name": "zap"} | changed))))


def test_own_work_follows_the_clock_and_siblings_as_kernel_work_does() -> None:
    """A microsecond of your own stretches as `kernel.rmap` of the profile."""
    alone, slowed = cost_row(SETUP, 1, siblings=0), cost_row(SETUP, 60, siblings=1)
    rmap, unit = cost_table.index("rmap"), cost_table.COST_UNIT
    assert alone[unit] == 1_000_000
    assert slowed[unit] / alone[unit] == pytest.approx(slowed[rmap] / alone[rmap], rel=1e-3)
    assert slowed[unit] > 1_400_000


def test_own_work_of_a_scheme_takes_the_time_that_it_says() -> None:
    """A name of your own with a time; its category is where the time is counted."""
    lab = a_lab(work("my_check", "120ns", category="memcg"))
    assert lab.go(0, 7) == 7 + 120_000
    assert lab.spent(0, "memcg") == 120_000
    assert lab.place(0) == "stop"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("my_check",), "my_check"),
        (("rmap", "1ns"), "'rmap' is one of the machine profile: leave its time out"),
        (("my_check", "5 apples"), "cost 'my_check'"),
        (("my_check", "2s"), "more than 1 s"),
    ],
)
def test_own_work_that_means_nothing_is_refused(words, why) -> None:
    """A cost is the profile's, or has a time that is one."""
    with pytest.raises(ProgramError, match=why):
        work(*words)
