"""A protocol as programs and sizes: what the explorer makes a World of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dessim.kernel import layout as lay
from dessim.kernel.assembler import Program
from dessim.kernel.protocol_expressions import Variable


@dataclass
class Compiled:
    """A protocol as programs and sizes.

    Attributes
    ----------
    programs : list of Program
        One a task.
    names : list of str
        Of the tasks.
    locals : list of dict
        Of each task: local -> (number, most).
    variables : dict
        Name -> (number, Variable).
    locks, queues : int
    code : list of (int, int)
        All expressions.
    properties : list of (str, int, bool)
        Name, expression, and whether it must hold at rest (else it must never hold).
    always_live : list of int
        Of each task: locals that properties ask for, a bit each.
    cpus : list of int
        The CPU of each task.
    ptes : int
        TLB entries of a CPU.
    bugs : list of str
    copies : int
        How many of the first tasks are alike.
    """

    programs: list[Program] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    locals: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    variables: dict[str, tuple[int, Variable]] = field(default_factory=dict)
    locks: dict[str, tuple[int, Any]] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)
    code: list[tuple[int, int]] = field(default_factory=lambda: [(lay.E_END, 0)])
    properties: list[tuple[str, int, bool]] = field(default_factory=list)
    always_live: list[int] = field(default_factory=list)
    cpus: list[int] = field(default_factory=list)
    ptes: dict[str, int] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)
    copies: int = 0
    cells: int = 0
