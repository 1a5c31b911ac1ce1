import pytest
from helpers import STOP, a_lock_loop, a_machine, a_workload, scheme_program

from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import lock, unlock, work
from dessim.kernel.assembler import assemble
from dessim.model import Point, SchemeChoice, load_machine, names
from dessim.model.workload import Workload
from dessim.study.explain import costs, speedup
from dessim.study.explain.costs import UnknownCostError
from dessim.study.store.runs import run_key
from dessim.study.sweep.plan import setup_of


def a_point(**changes) -> Point:
    """Return a point on the test machine."""
    values = {
        "experiment": "test",
        "machine": a_machine(),
        "workload": a_workload(),
        "scheme": SchemeChoice(name="lock_each_page"),
        "threads": 3,
        "fault_around_order": 2,
        **changes,
    }
    return Point(**values)


def test_every_cost_has_a_name_of_its_own() -> None:
    """Short names are unique, end the path, and no group is called the same."""
    names = costs.short_names()
    assert len(set(names.values())) == len(names) == len(costs.costs())
    assert all(path.endswith(f".{name}") for path, name in names.items())
    assert not set(names.values()) & set(costs.groups())


@pytest.mark.parametrize("name", [*costs.groups(), *costs.short_names().values()])
def test_every_name_stands_for_paths_that_exist(name) -> None:
    """A cost or a group can be read and shown at any point."""
    point = a_point()
    for path in costs.paths_for(name, point):
        assert costs.value_of(point, path) >= 0
        assert costs.shown(point, path)


def test_a_cost_is_known_by_its_path_too() -> None:
    """With and without `machine.`."""
    point = a_point()
    paths = ("machine.kernel.rmap",)
    assert costs.paths_for("rmap", point) == paths
    assert costs.paths_for("kernel.rmap", point) == paths
    assert costs.paths_for("machine.kernel.rmap", point) == paths


def test_cutting_nothing_changes_nothing_byte_for_byte() -> None:
    """A cut of 0 % is the same run in the store, and the same result."""
    point = a_point()
    every = [(name, 0) for name in costs.known_names()]
    same = speedup.with_speedups(point, every)
    assert run_key(same, 0, "reference") == run_key(point, 0, "reference")
    first, second = (run_setup(setup_of(p, 0), "reference") for p in (point, same))
    assert first == second


def test_a_cut_is_that_share_of_the_cost() -> None:
    """Half of a time, twice a rate, one and a half times what is made dearer."""
    assert speedup.sped_up(1001, "machine.kernel.rmap", 500_000) == 501
    assert speedup.sped_up(1000, "machine.kernel.rmap", -500_000) == 1500
    assert speedup.sped_up(7, "machine.kernel.rmap", 1_000_000) == 0
    assert speedup.sped_up(10**9, "machine.memory.bandwidth_per_socket", 500_000) == 2 * 10**9
    free = speedup.sped_up(10**9, "machine.memory.bandwidth_per_socket", 1_000_000)
    assert lay.TABLE_PAGES * 8 * 10**12 // free == 0


def test_two_names_for_one_cost_cut_it_twice() -> None:
    """What remains is the product."""
    point = a_point()
    both = speedup.with_speedups(point, [("rmap", 500_000), ("map", 500_000)])
    assert both.machine.kernel.rmap_ps == pytest.approx(point.machine.kernel.rmap_ps / 4, abs=1)
    assert both.machine.kernel.set_pte_ps == pytest.approx(
        point.machine.kernel.set_pte_ps / 2, abs=1
    )


def test_work_under_a_lock_is_found_in_the_program() -> None:
    """Costs between lock and unlock count, those before and after do not."""
    program = assemble(
        (work("find_vma"), lock("ptl"), work("rmap"), unlock("ptl"), work("slow_path"), STOP)
    )
    assert costs.held_costs(program, lay.LOCK_PTL) == ("machine.kernel.rmap",)
    assert costs.held_costs(program, lay.LOCK_MMAP) == ()
    looked_up = scheme_program("gang_lookup_mapcount", 2)
    assert "machine.kernel.lookup_slot" in costs.held_costs(looked_up, lay.LOCK_PTL)
    each = scheme_program("lock_each_page", 2)
    held = costs.held_costs(each, costs.HELD_PAGE)
    assert "machine.kernel.rmap" in held
    assert "machine.kernel.exception_entry" not in held


def test_work_under_the_lock_of_a_lock_loop_is_its_hold_time() -> None:
    """`lock_hold` is the workload's hold time."""
    point = a_point(workload=a_lock_loop())
    assert costs.paths_for("lock_hold", point) == ("workload.hold",)
    assert speedup.with_speedups(point, [("lock_hold", 250_000)]).workload.hold_ps == 75


@pytest.mark.parametrize("name", names("machines"))
def test_a_cost_that_cannot_be_used_changes_nothing(name) -> None:
    """On each shipped machine, all such costs made five times dearer give the same run."""
    point = a_point(machine=load_machine(name), threads=5)
    unused = [path for path in costs.costs() if not costs.is_used(point, path)]
    assert unused
    dearer = speedup.with_speedups(point, [(path, -4_000_000) for path in unused])
    assert dearer != point
    first, second = (run_setup(setup_of(p, 0), "reference") for p in (point, dearer))
    assert first == second


ADVISED = {"advice": "normal", "mapping": "shared", "cached_ppm": 0}
DEVICE_LOOP = {"name": "loop", "kind": "device_loop", "iterations": 8, "start_stagger_ps": 0}


@pytest.mark.parametrize(
    ("workload", "used"),
    [
        (a_workload(), ()),
        (a_workload(cached_ppm=0), ("device",)),
        (Workload(**DEVICE_LOOP), ("device", "paging")),
        (a_workload(**ADVISED), ("device", "paging", "frames")),
    ],
)
def test_sections_of_the_machine_count_where_they_are_paid(workload, used) -> None:
    """Times of a device, of windows and reclaim, of frames; what does not count changes nothing."""
    point = a_point(workload=workload, machine=load_machine("epyc-7713-1s"))
    parts = ("device", "paging", "frames")
    known = [path for path in costs.costs() if costs.is_used(point, path)]
    assert {path.split(".")[1] for path in known} & set(parts) == set(used)
    unused = [path for path in costs.costs() if path not in known]
    dearer = speedup.with_speedups(point, [(path, -4_000_000) for path in unused])
    first, second = (run_setup(setup_of(p, 0), "reference") for p in (point, dearer))
    assert first == second
    if used:
        slow = [f"machine.{part}." for part in used]
        slower = [(path, -4_000_000) for path in known if path.startswith(tuple(slow))]
        assert run_setup(setup_of(speedup.with_speedups(point, slower), 0), "reference") != first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rmapp=10%", "did you mean 'rmap'"),
        ("rmap", "expected NAME=SHARE"),
        ("rmap=10", "expected a percentage"),
        ("rmap=101%", "from -1000% (more expensive) to 100% (free)"),
        ("rmap=nan%", "expected a percentage"),
        ("=10%", "expected NAME=SHARE"),
        ("memory.local=10%", "dessim explain --list"),
    ],
)
def test_what_cannot_be_cut_is_refused(text, words) -> None:
    """The message says what was expected."""
    with pytest.raises(UnknownCostError) as error:
        speedup.read_speedup(text)
    assert words in str(error.value)


def test_the_catalogue_holds_every_name_once() -> None:
    """With values if there is a point to take them from."""
    entries = costs.catalogue([a_point()])
    assert [entry["name"] for entry in entries] == list(costs.known_names())
    assert {e["name"]: e for e in entries}["rmap"]["value"] == "13.099ns"
    assert "value" not in costs.catalogue()[-1]
