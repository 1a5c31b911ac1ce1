"""Where threads run: spread and compact, and how the clock falls with the number of busy cores."""

import pytest
from helpers import a_machine

from dessim.kernel.placement import clock_stretch_ppm, cpu_of

SHAPES = [
    {"sockets": 2, "l3_per_socket": 2, "cores_per_l3": 2, "threads_per_core": 2},
    {"sockets": 4, "l3_per_socket": 1, "cores_per_l3": 3, "threads_per_core": 2},
    {"sockets": 1, "l3_per_socket": 3, "cores_per_l3": 1, "threads_per_core": 4},
    {"sockets": 3, "l3_per_socket": 2, "cores_per_l3": 5, "threads_per_core": 1},
]


def cpus(shape, placement):
    """Return the CPUs of all threads of a full machine."""
    topology = a_machine(topology={**shape, "placement": placement}).topology
    return topology, [cpu_of(topology, i) for i in range(topology.n_cpus)]


@pytest.mark.parametrize("placement", ["spread", "compact"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_threads_share_a_cpu(shape, placement):
    """A full machine has exactly as many threads on each core as the core has siblings."""
    topology, places = cpus(shape, placement)
    cores = [place.core for place in places]
    assert {cores.count(core) for core in range(topology.n_cores)} == {topology.threads_per_core}


@pytest.mark.parametrize("placement", ["spread", "compact"])
@pytest.mark.parametrize("shape", SHAPES)
def test_core_l3_and_socket_of_a_cpu_belong_together(shape, placement):
    """A CPU's core lies in its L3 domain, and that in its socket."""
    topology, places = cpus(shape, placement)
    for place in places:
        assert place.core // topology.cores_per_l3 == place.l3
        assert place.l3 // topology.l3_per_socket == place.socket
        assert place.socket < topology.sockets


def test_spread_goes_over_sockets_then_l3s_then_cores_then_siblings():
    """The order of `spread` on two sockets with two L3s of two cores with two siblings."""
    _, places = cpus(SHAPES[0], "spread")
    cores = [0, 4, 2, 6, 1, 5, 3, 7]
    assert [place.core for place in places] == cores + cores


def test_compact_fills_siblings_then_the_l3_then_the_socket():
    """The order of `compact` is that of cores, each as often as it has siblings."""
    _, places = cpus(SHAPES[0], "compact")
    assert [place.core for place in places] == [core for core in range(8) for _ in range(2)]


def test_the_clock_falls_linearly_from_one_busy_core_to_all():
    """Work is not stretched with one busy core, fully with all, half-way in the middle."""
    machine = a_machine(
        topology={"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 5},
        clock={"one_core_hz": 3 * 10**9, "all_cores_hz": 2 * 10**9},
    )
    stretch = [clock_stretch_ppm(machine, n) for n in range(1, 6)]
    assert stretch == [1_000_000, 1_125_000, 1_250_000, 1_375_000, 1_500_000]
