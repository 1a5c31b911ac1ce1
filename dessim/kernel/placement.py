"""Which CPU a thread runs on, and what the CPUs look like from each other."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dessim.model.machine import Machine
from dessim.model.topology import Topology


@dataclass(frozen=True)
class Cpu:
    """Place of a logical CPU."""

    core: int
    l3: int
    socket: int
    cpu: int


def cpu_of(topology: Topology, thread: int) -> Cpu:
    """Return the CPU of the n-th thread.

    ``spread`` deals threads out over sockets, then L3 domains, then cores, then SMT siblings;
    ``compact`` fills a core's siblings, then the L3 domain, then the socket; ``cores`` fills the
    cores of a socket, then those of the next, then SMT siblings in the same order.
    """
    t = topology
    thread %= t.n_cpus  # more threads than CPUs: they share them
    if t.placement == "compact":
        core_index, sibling = divmod(thread, t.threads_per_core)
        l3_index, core_in_l3 = divmod(core_index, t.cores_per_l3)
    elif t.placement == "cores":
        sibling, core_index = divmod(thread, t.n_cores)
        l3_index, core_in_l3 = divmod(core_index, t.cores_per_l3)
    else:
        socket_of = thread % t.sockets
        rest = thread // t.sockets
        l3_in_socket = rest % t.l3_per_socket
        sibling, core_in_l3 = divmod(rest // t.l3_per_socket, t.cores_per_l3)
        l3_index = socket_of * t.l3_per_socket + l3_in_socket
    core = l3_index * t.cores_per_l3 + core_in_l3
    cpu = core * t.threads_per_core + sibling
    return Cpu(core, l3_index, l3_index // t.l3_per_socket, cpu)


def busy_cores(topology: Topology, cpus: Iterable[Cpu]) -> int:
    """Return how many cores are busy, as far as their clock goes.

    Where sockets fill up one after the other, each has a clock of its own: that of the fullest
    stands for all, from one busy core to all of them.
    """
    used = {(cpu.socket, cpu.core) for cpu in cpus}
    if topology.placement != "cores":
        return len(used)
    most = max(Counter(socket for socket, _ in used).values())
    others = topology.n_cores // topology.sockets - 1
    return 1 + (most - 1) * (topology.n_cores - 1) // others if others else topology.n_cores


def clock_stretch_ppm(machine: Machine, busy: int) -> int:
    """Return how much longer work takes with some busy cores than with one, in ppm.

    Linear from the clock of one busy core to that of all.
    """
    cores = machine.topology.n_cores
    full = machine.clock.one_core_hz * 1_000_000 // machine.clock.all_cores_hz - 1_000_000
    if cores == 1:
        return 1_000_000
    return 1_000_000 + full * (min(busy, cores) - 1) // (cores - 1)
