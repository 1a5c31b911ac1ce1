"""What was found out about a machine, whoever said it, and dessim's topology of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dessim.errors import UserError
from dessim.model.topology import MAX_CPUS, MAX_SOCKETS

LEAST_MHZ, MOST_MHZ = 100, 10_000
LEAST_L3, MOST_L3 = 1 << 12, 1 << 36
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


class UnusableError(UserError):
    """A description of a machine that cannot be used: says where and what to do."""


@dataclass(frozen=True)
class HostCpu:
    """Where a logical CPU is.

    Attributes
    ----------
    cpu, socket, l3, core : int
        Numbers, unique in the machine.
    node, cluster, kind : int or None
        NUMA node; cores that share an L2 or a tag directory; kind of core, larger is faster.
    """

    cpu: int
    socket: int
    l3: int
    core: int
    node: int | None = None
    cluster: int | None = None
    kind: int | None = None


@dataclass
class Description:
    """A machine as its description has it. What the description does not say is None or empty.

    Attributes
    ----------
    source : str
        Which description: `lscpu`, `/sys`.
    cpus : list of HostCpu
    counts : dict
        sockets, l3_per_socket, cores_per_l3, threads_per_core where only numbers are known.
    l3_bytes : int or None
        Of one L3.
    model, vendor, hypervisor, arch : str
    nominal_hz, most_hz : int or None
    distances : list of list of int
        Between NUMA nodes, 10 is local.
    nodes : dict of int to list of int
        CPUs of each NUMA node.
    numbers : collection of int
        Of CPUs, if the description lists them.
    notes : list of str
        What does not fit into the model, in sentences.
    """

    source: str
    cpus: list[HostCpu] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    l3_bytes: int | None = None
    model: str = ""
    vendor: str = ""
    hypervisor: str = ""
    arch: str = ""
    nominal_hz: int | None = None
    most_hz: int | None = None
    distances: list[list[int]] = field(default_factory=list)
    nodes: dict[int, list[int]] = field(default_factory=dict)
    numbers: Collection[int] = ()
    notes: list[str] = field(default_factory=list)

    def clock(self, what: str, mhz: float) -> int | None:
        """Return a clock in Hz; None, and a note, if no CPU has it."""
        if LEAST_MHZ <= mhz <= MOST_MHZ:
            return round(mhz * 1000) * 1000
        self._impossible(f"{what} of {mhz:,.0f} MHz")
        return None

    def cache(self, size: float) -> int | None:
        """Return the size of an L3 in bytes; None, and a note, if none is of that size."""
        if LEAST_L3 <= size <= MOST_L3:
            return int(size)
        self._impossible(f"an L3 of {size:,.0f} bytes")
        return None

    def _impossible(self, what: str) -> None:
        note = f"{what} is impossible, and is ignored"
        if note not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True)
class Shape:
    """dessim's topology of a machine: every socket, L3 domain and core alike."""

    sockets: int
    l3_per_socket: int
    cores_per_l3: int
    threads_per_core: int

    @property
    def n_cpus(self) -> int:
        """Logical CPUs."""
        return self.sockets * self.l3_per_socket * self.cores_per_l3 * self.threads_per_core


def shape_of(found: Description) -> tuple[Shape, list[str]]:
    """The regular machine that is nearest to what was found, and notes on what differs.

    Raises
    ------
    UnusableError
        If the description says too little, or of too large a machine.
    """
    notes = list(found.notes)
    if found.cpus:
        shape, more = _of_cpus(found.cpus)
        notes += more
    else:
        counts = found.counts
        missing = [
            name for name in ("sockets", "cores", "threads_per_core") if not counts.get(name)
        ]
        if missing:
            raise UnusableError(
                f"{found.source}: it does not name {' or '.join(missing)}: give the whole output"
            )
        domains = max(1, counts.get("l3_per_socket", 1))
        if counts["cores"] % domains:
            notes.append(
                f"{counts['cores']} cores of a socket do not divide into {domains} L3 caches"
            )
        shape = Shape(
            counts["sockets"],
            domains,
            max(1, counts["cores"] // domains),
            counts["threads_per_core"],
        )
        n = counts.get("cpus", shape.n_cpus)
        if n != shape.n_cpus:
            notes.append(
                f"{n} CPUs are not sockets x cores x threads ({shape.n_cpus}): two kinds of"
                " cores, or offline CPUs; the model has equal cores, all online"
            )
    if shape.sockets > MAX_SOCKETS or shape.n_cpus > MAX_CPUS or shape.threads_per_core > 8:
        raise UnusableError(
            f"{found.source}: {shape.n_cpus} CPUs in {shape.sockets} sockets: at most {MAX_CPUS} in"
            f" {MAX_SOCKETS}, and 8 threads per core, can be modelled"
        )
    if shape.threads_per_core > 2:
        notes.append(
            f"{shape.threads_per_core} threads per core: each further busy sibling adds as much"
            " time as the first (docs/machine.md)"
        )
    return shape, notes


def _of_cpus(cpus: Sequence[HostCpu]) -> tuple[Shape, list[str]]:
    notes = []
    kinds = Counter(cpu.kind for cpu in cpus)
    if len(kinds) > 1:
        best = max((kind for kind in kinds if kind is not None), default=None)
        kept = [cpu for cpu in cpus if cpu.kind == best]
        notes.append(
            f"cores of {len(kinds)} kinds: only the {len(kept)} CPUs of the fastest kind are"
            f" modelled, {len(cpus) - len(kept)} are left out"
        )
        cpus = kept
    threads = Counter(cpu.core for cpu in cpus)
    most = max(threads.values())
    if min(threads.values()) != most:
        uneven = sum(n != most for n in threads.values())
        notes.append(
            f"{uneven} of {len(threads)} cores have fewer than {most} threads: all get {most}"
        )
    cores = Counter({l3: len({c.core for c in cpus if c.l3 == l3}) for l3 in {c.l3 for c in cpus}})
    widest = max(cores.values())
    if min(cores.values()) != widest:
        notes.append(f"L3 caches of {min(cores.values())} to {widest} cores: all get {widest}")
    domains = {s: len({c.l3 for c in cpus if c.socket == s}) for s in {c.socket for c in cpus}}
    deepest = max(domains.values())
    if min(domains.values()) != deepest:
        notes.append(
            f"sockets of {min(domains.values())} to {deepest} L3 caches: all get {deepest}"
        )
    return Shape(len(domains), deepest, widest, most), notes


def hops_of(found: Description, sockets: int) -> tuple[tuple[int, ...], ...]:
    """Links between sockets by the distances of their nodes: the nearest others are one link away.

    Returns
    -------
    tuple of tuple of int
        Empty if nothing is known, or all are equally far.
    """
    n = len(found.distances)
    if n == 0 or n % sockets or sockets < 3:
        return ()
    step = n // sockets  # nodes of a socket are numbered in a row
    far = [[found.distances[a * step][b * step] for b in range(sockets)] for a in range(sockets)]
    others = sorted({far[a][b] for a in range(sockets) for b in range(sockets) if a != b})
    if len(others) < 2:
        return ()
    near = others[0]
    return tuple(
        tuple(
            0 if a == b else 1 if max(far[a][b], far[b][a]) <= near else 2 for b in range(sockets)
        )
        for a in range(sockets)
    )


def check_nodes(nodes: Mapping[int, Sequence[int]], known: Collection[int], source: str) -> None:
    """Refuse nodes that cannot be.

    Parameters
    ----------
    nodes : dict of int to list of int
        CPUs of each.
    known : collection of int
        Numbers that CPUs have; empty if nothing says it.
    source : str
        What errors call it.

    Raises
    ------
    UnusableError
        If a CPU is in two nodes that differ, or is none of the machine's.
    """
    node_of: dict[int, int] = {}
    for node, cpus in nodes.items():
        for cpu in cpus:
            twin = node_of.setdefault(cpu, node)
            if set(nodes[twin]) != set(cpus):  # emulated nodes share all their CPUs
                both = f"in node {twin} and in node {node}"
                raise UnusableError(f"{source}: CPU {cpu} is {both}: give the unchanged output")
            if known and cpu not in known:
                raise UnusableError(
                    f"{source}: node {node} has CPU {cpu}, the machine's {len(known)} CPUs have"
                    f" numbers up to {max(known)}: give the unchanged output of this machine"
                )


def numbers_in(text: str) -> list[int]:
    """CPUs of a list such as `0-3,8`.

    Raises
    ------
    ValueError
        If it is none, or names more CPUs than can be modelled.
    """
    found: list[int] = []
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        ends = _RANGE.fullmatch(part)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if last < first or last >= 1 << 16 or last - first >= MAX_CPUS:
            raise ValueError(f"'{part[:40]}' is not a list of CPUs")
        found += range(first, last + 1)
        if len(found) > MAX_CPUS:
            raise ValueError(f"more than {MAX_CPUS} CPUs")
    if len(set(found)) < len(found):
        raise ValueError(f"'{text[:40]}' names a CPU twice")
    return found
