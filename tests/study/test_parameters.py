import math

import pytest

from dessim.model import ConfigError, load_machine
from dessim.study.fidelity.parameters import (
    DEFAULTS,
    machine_with,
    parameters_of,
    settings_of,
    value_of,
)

MACHINE = load_machine("ivybridge-ex-4s")


def test_a_number_is_stretched_inside_its_range() -> None:
    """kernel.rmap is 15 ns in 5 to 30: a factor of e^0.1 is 16.58 ns in four digits."""
    [rmap] = parameters_of(MACHINE, ["kernel.rmap"])
    assert (rmap.low, rmap.high) == pytest.approx((math.log(1 / 3), math.log(2)))
    assert settings_of([rmap], [0.1]) == {"kernel.rmap": 16_580}
    assert settings_of([rmap], [5.0]) == {"kernel.rmap": 30_000}


def test_a_family_moves_by_one_factor_as_far_as_all_may() -> None:
    """Six costs one hop away; none of them leaves its range at either end."""
    [family] = parameters_of(MACHINE, ["cache_line.*.one_hop"])
    assert len(family.numbers) == 6
    for end in (family.low, family.high):
        for number in family.numbers:
            exact = number.value * math.exp(end)
            assert number.low - 0.5 <= exact <= number.high + 0.5, number.path
    assert settings_of([family], [0.0]) == {n.path: n.value for n in family.numbers}


def test_a_range_that_begins_at_nothing_is_shifted() -> None:
    """cache_line.hold is 15 ns in 0 to 40: both ends can be reached."""
    [hold] = parameters_of(MACHINE, ["cache_line.hold"])
    assert settings_of([hold], [hold.low]) == {"cache_line.hold": 0}
    assert settings_of([hold], [hold.high]) == {"cache_line.hold": 40_000}
    assert settings_of([hold], [0.0]) == {"cache_line.hold": 15_000}


def test_a_machine_takes_the_numbers_and_nothing_else_changes() -> None:
    """Its own values give an equal machine; a changed one differs in that number."""
    parameters = parameters_of(MACHINE, DEFAULTS)
    assert machine_with(MACHINE, settings_of(parameters, [0.0] * len(parameters))) == MACHINE
    changed = machine_with(MACHINE, {"cache_line.rmw_shared.one_hop": 150_000})
    assert value_of(changed, "cache_line.rmw_shared.one_hop") == 150_000
    assert machine_with(changed, {"cache_line.rmw_shared.one_hop": 135_000}) == MACHINE
    assert changed.provenance == MACHINE.provenance


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["kernel.rmaps"], "did you mean 'kernel.rmap'"),
        (["cache_line.local_load"], "has no range in profile 'ivybridge-ex-4s'"),
        (["topology.sockets"], "has no range"),
        (["kernel.rmap", "kernel.r*"], "belongs to both 'kernel.rmap' and 'kernel.r\\*'"),
    ],
)
def test_what_is_no_parameter_is_refused(names: list[str], words: str) -> None:
    """With the nearest name, or what is missing."""
    with pytest.raises(ConfigError, match=words):
        parameters_of(MACHINE, names)


def test_numbers_that_contradict_each_other_are_refused() -> None:
    """All cores cannot be faster than one."""
    with pytest.raises(ConfigError, match="must not be faster"):
        machine_with(MACHINE, {"clock.one_core": 2_900_000_000})
