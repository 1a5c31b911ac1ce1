"""Times in cycles follow the clock of their machine; times in seconds do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dessim.model import ConfigError, load_experiment, load_machine, resolve

EXPERIMENT = """\
name: one
machine: mine.yaml
workload: sequential-read
schemes: [no_fault_around]
threads: 1
"""
MINE = """\
base: ivybridge-ex-4s
clock: {one_core: 2GHz, all_cores: 2GHz}
kernel:
  rmap: {value: 50 cycles, range: [25 cycles, 150cycles], tag: measured, source: a count}
  set_pte: 30ns
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    """Return a file with a profile."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cycles_are_times_at_the_clock_with_one_busy_core(tmp_path: Path) -> None:
    """Value and range; one cycle of 3 GHz is 333 ps, rounded."""
    machine = load_machine(written(tmp_path, MINE))
    assert machine.kernel.rmap_ps == 25_000
    origin = machine.provenance["kernel.rmap"]
    assert (origin.low, origin.high) == (12_500, 75_000)
    text = MINE.replace("2GHz", "3GHz").replace("50 cycles", "100 cycle")
    assert load_machine(written(tmp_path, text)).kernel.rmap_ps == 33_333


def test_what_a_base_gives_in_cycles_follows_the_clock_of_the_file(tmp_path: Path) -> None:
    """714 cycles of an exception are 210 ns at 3.4 GHz, and 357 at 2; memory stays as it was."""
    base, mine = load_machine("ivybridge-ex-4s"), load_machine(written(tmp_path, MINE))
    assert base.kernel.exception_entry_ps == 210_000
    assert mine.kernel.exception_entry_ps == 357_000
    assert mine.memory.local_ps == base.memory.local_ps
    assert mine.kernel.wakeup_ps == base.kernel.wakeup_ps


@pytest.mark.parametrize("order", [1, -1])
def test_an_experiment_that_sets_the_clock_changes_cycles_only(tmp_path: Path, order: int) -> None:
    """In any order of settings; a cost that is set beside it is what it is set to."""
    written(tmp_path, MINE)
    sets = ["machine.clock.one_core=1GHz", "machine.clock.all_cores=1GHz"]
    sets = [*sets, "machine.kernel.find_vma=7 cycles", "machine.kernel.set_pte=31ns"][::order]
    path = written(tmp_path, EXPERIMENT, "experiment")
    (point,) = resolve(load_experiment(path, sets))
    kernel = point.machine.kernel
    assert (kernel.rmap_ps, kernel.find_vma_ps, kernel.set_pte_ps) == (50_000, 7_000, 31_000)
    assert point.machine.clock.one_core_hz == point.machine.clock.all_cores_hz == 1_000_000_000
    assert point.machine.provenance["clock.one_core"].source == "set by the experiment"


def test_cycles_and_clocks_may_be_swept(tmp_path: Path) -> None:
    """Each point has the time of its own clock."""
    written(tmp_path, MINE)
    text = f"{EXPERIMENT}matrix:\n  machine.clock.one_core: [2GHz, 4GHz]\n"
    text += "  machine.kernel.rmap: [40 cycles, 9ns]\n"
    points = resolve(load_experiment(written(tmp_path, text, "experiment")))
    assert [p.machine.kernel.rmap_ps for p in points] == [20_000, 9_000, 10_000, 9_000]


@pytest.mark.parametrize("value", ["50 cycls", "cycles", "-5 cycles", "1e999 cycles", "5 cycles/s"])
def test_what_is_no_number_of_cycles_is_refused_at_its_place(tmp_path: Path, value: str) -> None:
    """As any other time."""
    with pytest.raises(ConfigError) as refusal:
        load_machine(written(tmp_path, MINE.replace("set_pte: 30ns", f"set_pte: {value}")))
    (problem,) = refusal.value.problems
    assert (problem.place.line, problem.place.column) == (4, 11)


def test_a_clock_that_cannot_be_read_is_the_only_complaint(tmp_path: Path) -> None:
    """The cycles themselves are fine."""
    with pytest.raises(ConfigError) as refusal:
        load_machine(written(tmp_path, MINE.replace("one_core: 2GHz", "one_core: fast")))
    (problem,) = refusal.value.problems
    assert problem.place.line == 1
