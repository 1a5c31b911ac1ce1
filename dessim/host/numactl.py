"""Read what `numactl -H` prints: CPUs of the nodes, and how far nodes are from each other."""

from __future__ import annotations

import re

from dessim.errors import counted
from dessim.host.topology import Description, UnusableError, check_nodes, numbers_in

MAX_NODES = 256
_CPUS = re.compile(r"node (\d{1,4}) cpus:(.*)", re.ASCII)
_ROW = re.compile(r"\s*(\d{1,4}):((?:\s+\d{1,4})+)\s*", re.ASCII)


def read_numactl(text: str, found: Description, source: str = "numactl -H") -> None:
    """Add nodes and distances to what was found.

    Raises
    ------
    UnusableError
        If it is no such output.
    """
    rows: dict[int, list[int]] = {}
    nodes: dict[int, list[int]] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        match = _CPUS.fullmatch(line.strip())
        inside = inside or line.startswith("node distances")
        row = _ROW.fullmatch(line) if inside else None
        try:
            if match:
                nodes[int(match[1])] = numbers_in(match[2])
            elif row:
                rows[int(row[1])] = [int(word) for word in row[2].split()]
        except ValueError as error:
            raise UnusableError(f"{source}:{number}: {error}: give the unchanged output") from None
        if len(nodes) > MAX_NODES or len(rows) > MAX_NODES:
            raise UnusableError(f"{source}:{number}: more than {MAX_NODES} nodes")
    if not nodes:
        raise UnusableError(f"{source}:1: no node with CPUs: give the output of `numactl -H`")
    check_nodes(nodes, found.numbers or range(found.counts.get("cpus", 0)), source)
    matrix = [rows[node] for node in sorted(rows)]
    if any(len(row) != len(matrix) for row in matrix):
        raise UnusableError(f"{source}: the node distances are not square: give the whole output")
    with_cpus = [index for index, node in enumerate(sorted(rows)) if nodes.get(node)]
    found.nodes = {node: cpus for node, cpus in nodes.items() if cpus}
    found.distances = [[matrix[a][b] for b in with_cpus] for a in with_cpus]
    bare = len(nodes) - len(found.nodes)
    if bare:
        found.notes.append(f"{counted(bare, 'node')} with memory but no CPUs: left out")
