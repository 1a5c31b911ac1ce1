"""Latencies between all pairs of CPUs: classes by topology, and how much of them these explain."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from dessim.files.numbers import real
from dessim.host.topology import Description, HostCpu, Shape, UnusableError
from dessim.model.topology import MAX_CPUS

CLASSES = ("smt_sibling", "same_l3", "same_socket", "far_home", "one_hop", "two_hops")
"""Distances of dessim, nearest first."""
WORTH = 0.05
"""Share of the variance that the home of the lines must explain to be a distance."""
LITTLE = 0.7
"""Share of the variance below which classes do not describe a matrix."""
MOST_NS = 1e6
Matrix = list[list[float | None]]
Pair = tuple[int, int, str, float]
"""L3 domains of two CPUs, the class of the pair, and its latency, ns."""


@dataclass(frozen=True)
class Class:
    """Pairs of CPUs at one distance.

    Attributes
    ----------
    name : str
        Of `CLASSES`.
    pairs : int
    median, low, high : float, ns
        Median, and 5 and 95 % of the pairs.
    """

    name: str
    pairs: int
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class PairLatencies:
    """What a matrix says.

    Attributes
    ----------
    classes : dict of str to Class
    explained : float
        Share of the variance over pairs that the classes explain, 0 to 1.
    with_ends : float
        The same if each L3 domain adds a time of its own to all its pairs: differences between
        domains.
    home : int or None
        Socket on which the lines of the table lie, as far as it shows: pairs inside another socket
        are then a class of their own.
    """

    classes: dict[str, Class]
    explained: float
    with_ends: float
    home: int | None = None


def read_matrix(text: str, source: str) -> Matrix:
    """Read a matrix as core-to-core-latency writes it: ns, the lower triangle, comma-separated.

    Returns
    -------
    list of list of float or None
        Symmetric; None where nothing was measured.

    Raises
    ------
    UnusableError
        With line and column of what is wrong.
    """
    try:
        rows = [row for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise UnusableError(f"{source}: not a table: {error}") from None
    n = len(rows)
    if not 2 <= n <= MAX_CPUS:
        raise UnusableError(f"{source}: {n} rows: expected one for each CPU, 2 to {MAX_CPUS}")
    matrix: Matrix = [[None] * n for _ in range(n)]
    for line, row in enumerate(rows):
        if len(row) > n and any(cell.strip() for cell in row[n:]):
            raise UnusableError(
                f"{source}:{line + 1}: {len(row)} cells in a table of {n} rows: expected a square"
            )
        for column, cell in enumerate(row[:n]):
            if cell.strip() and column != line:
                value = _latency(cell, f"{source}:{line + 1}: cell {column + 1}")
                if column < line or matrix[line][column] is None:
                    matrix[line][column] = matrix[column][line] = value
    if all(value is None for row in matrix for value in row):
        raise UnusableError(f"{source}: no number in it: expected a lower triangle in ns")
    return matrix


def _latency(cell: str, place: str) -> float:
    try:
        value = real(cell)
    except ValueError:
        value = math.nan
    if not 0 < value < MOST_NS:
        raise UnusableError(f"{place}: expected a time in ns, found '{cell.strip()[:40]}'")
    return value


def placed(found: Description, shape: Shape, matrix: Matrix) -> tuple[list[HostCpu], str]:
    """Where the CPUs of a matrix are: as the description says, or the numbering that fits best.

    Returns
    -------
    list of HostCpu, str
        The second is a sentence about a numbering that was chosen; empty if it was known.

    Raises
    ------
    UnusableError
        If the matrix has another number of CPUs than the machine.
    """
    n = len(matrix)
    if found.cpus:
        cpus = sorted(found.cpus, key=lambda cpu: cpu.cpu)
        if len(cpus) != n:
            raise _other_size(n, len(cpus), found)
        return cpus, ""
    candidates = dict(_numberings(found, shape, n))
    if not candidates:
        raise _other_size(n, found.counts.get("cpus", shape.n_cpus), found)
    best = max(candidates, key=lambda name: latencies(matrix, candidates[name], ()).explained)
    if len(candidates) == 1:
        return candidates[best], ""
    return candidates[best], f"CPUs are numbered {best}: the usual numbering that fits best"


def _other_size(n: int, cpus: int, found: Description) -> UnusableError:
    return UnusableError(
        f"the matrix has {n} CPUs, the machine {cpus} ({found.source}): they must be the same"
    )


def _numberings(found: Description, shape: Shape, n: int) -> Iterator[tuple[str, list[HostCpu]]]:
    """Usual ways in which Linux numbers CPUs, where only their counts are known."""
    threads = shape.threads_per_core
    if n == shape.n_cpus:
        cores = n // threads
        cores_of = {"siblings in a row": [c // threads for c in range(n)]}
        if threads > 1:
            cores_of["siblings apart"] = [c % cores for c in range(n)]
        for name, order in cores_of.items():
            yield name, [_cpu(c, core, shape) for c, core in enumerate(order)]
            if shape.sockets > 1:
                dealt = [_cpu(c, _dealt(core, shape), shape) for c, core in enumerate(order)]
                yield f"{name}, sockets in turn", dealt
        yield from _by_nodes(found, shape, n)
    cores = found.counts.get("cores", 0) * shape.sockets
    both = n - cores  # cores with two threads, where the others have one
    if shape.sockets == 1 and threads == 2 and 0 < both < cores and n == found.counts.get("cpus"):
        fast = [HostCpu(c, 0, 0, c // 2, kind=1) for c in range(2 * both)]
        slow = [HostCpu(c, 0, 0, c - both, kind=0) for c in range(2 * both, n)]
        yield "first the cores of two threads", [*fast, *slow]


def _dealt(core: int, shape: Shape) -> int:
    per_socket = shape.l3_per_socket * shape.cores_per_l3
    return core % shape.sockets * per_socket + core // shape.sockets


def _cpu(cpu: int, core: int, shape: Shape) -> HostCpu:
    l3 = core // shape.cores_per_l3
    return HostCpu(cpu, l3 // shape.l3_per_socket, l3, core)


def _by_nodes(found: Description, shape: Shape, n: int) -> Iterator[tuple[str, list[HostCpu]]]:
    """By the CPUs of NUMA nodes: a socket has one or several, in a row."""
    listed = [found.nodes[node] for node in sorted(found.nodes)]
    if len(listed) < 2 or len(listed) % shape.sockets:
        return
    if sorted(cpu for cpus in listed for cpu in cpus) != list(range(n)):
        return
    order = [cpu for cpus in listed for cpu in sorted(cpus)]
    threads, each = shape.threads_per_core, n // shape.sockets
    for name in ("siblings in a row", "siblings apart"):
        cpus = []
        for place, cpu in enumerate(order):
            socket, inside = divmod(place, each)
            node, within = divmod(inside, max(1, each // (len(listed) // shape.sockets)))
            cores = max(1, each // (len(listed) // shape.sockets) // threads)
            core = within // threads if name.endswith("row") else within % cores
            cpus.append(_cpu(cpu, socket * each // threads + node * cores + core, shape))
        yield f"by nodes, {name}", sorted(cpus, key=lambda one: one.cpu)
        if threads == 1:
            return


def class_of(a: HostCpu, b: HostCpu, hops: Sequence[Sequence[int]]) -> str:
    """Distance of two CPUs."""
    if a.core == b.core:
        return "smt_sibling"
    if a.l3 == b.l3:
        return "same_l3"
    if a.socket == b.socket:
        return "same_socket"
    return "two_hops" if hops and hops[a.socket][b.socket] > 1 else "one_hop"


def latencies(
    matrix: Matrix, cpus: Sequence[HostCpu], hops: Sequence[Sequence[int]]
) -> PairLatencies:
    """Classes of a matrix and how much of it they explain.

    Parameters
    ----------
    matrix : list of list of float or None
    cpus : list of HostCpu
        In the order of the rows. Of several kinds, only the fastest count.
    hops : matrix of int
        Between sockets; empty: one hop.
    """
    kinds = [cpu.kind for cpu in cpus if cpu.kind is not None]
    fastest = max(kinds) if kinds else None
    pairs: list[Pair] = []
    for i, a in enumerate(cpus):
        for j in range(i):
            value = matrix[i][j]
            if value is None or a.kind != fastest or cpus[j].kind != fastest:
                continue
            pairs.append((a.l3, cpus[j].l3, class_of(a, cpus[j], hops), value))
    if not pairs:
        return PairLatencies({}, 0.0, 0.0)
    socket_of = {cpu.l3: cpu.socket for cpu in cpus}
    plain = _judged(pairs, None)
    homes = dict.fromkeys(socket_of.values()) if len(set(socket_of.values())) > 1 else {}
    known = [_judged(_from_home(pairs, socket_of, home), home) for home in homes]
    best = max(known, key=_likely, default=plain)
    return best if best.explained > plain.explained + WORTH else plain


def _likely(found: PairLatencies) -> tuple[float, float]:
    """Order homes: by what they explain; both of two sockets explain as much, and home is near."""
    inside = found.classes.get("same_socket")
    return round(found.explained, 9), -inside.median if inside else -MOST_NS


def _from_home(pairs: Sequence[Pair], socket_of: dict[int, int], home: int) -> list[Pair]:
    """Give pairs inside a socket that is not the lines' home a class of their own."""
    away = {"same_socket": "far_home"}
    return [
        (a, b, name if socket_of[a] == home else away.get(name, name), value)
        for a, b, name, value in pairs
    ]


def _judged(pairs: Sequence[Pair], home: int | None) -> PairLatencies:
    """Return classes and how much of the variance they explain."""
    values: dict[str, list[float]] = {}
    for _, _, name, value in pairs:
        values.setdefault(name, []).append(value)
    means = {name: fmean(found) for name, found in values.items()}
    whole = fmean(value for *_, value in pairs)
    total = sum((value - whole) ** 2 for *_, value in pairs)
    within = sum((value - means[name]) ** 2 for _, _, name, value in pairs)
    ends = _ends(pairs, means)
    left = sum((v - means[name] - ends[a] - ends[b]) ** 2 for a, b, name, v in pairs)
    classes = {name: _class(name, values[name]) for name in CLASSES if name in values}
    share = (lambda rest: 1 - rest / total) if total > 0 else (lambda rest: 1.0)
    return PairLatencies(classes, share(within), max(share(left), share(within)), home)


def _ends(pairs: Sequence[Pair], means: dict[str, float]) -> dict[int, float]:
    """Time that each L3 domain adds to its pairs: least squares by turns."""
    ends = dict.fromkeys([a for a, *_ in pairs] + [b for _, b, *_ in pairs], 0.0)
    for _ in range(20):
        sums = dict.fromkeys(ends, 0.0)
        counts = dict.fromkeys(ends, 0)
        for a, b, name, value in pairs:
            rest = value - means[name]
            for own, other in ((a, b), (b, a)):
                sums[own] += rest - ends[other]
                counts[own] += 1
        # half a step: pairs inside a domain count for it twice
        ends = {one: (ends[one] + sums[one] / counts[one]) / 2 for one in ends}
    return ends


def _class(name: str, values: list[float]) -> Class:
    ordered = sorted(values)
    low, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.05, 0.95))
    return Class(name, len(ordered), median(ordered), low, high)
