"""Searches of shipped protocols, and whether two found the same."""

import numpy as np

from dessim.engines.explorer import running, team
from dessim.study.check import protocol_scope, protocol_small_world


def of_protocol(name, options, memory="sc"):
    """Return the small World of a shipped protocol."""
    return protocol_small_world(protocol_scope(name, options, memory))


def asked(small):
    """Return the properties of a protocol."""
    return (*small.own_properties, "deadlock")


def same(one, other):
    """Return whether two searches found the same states in the same order, and the same of them."""
    return (
        (one.states, one.moves, one.complete, one.findings, one.untried, one.bounded)
        == (other.states, other.moves, other.complete, other.findings, other.untried, other.bounded)
        and np.array_equal(one.keys, other.keys)
        and np.array_equal(one.parents, other.parents)
        and (one.edges is None or np.array_equal(one.edges, other.edges))
    )


def work_in_small_rounds(monkeypatch):
    """Let teams work in rounds of a few states, so that there are many of them."""
    monkeypatch.setattr(team, "FEWEST", 1)
    monkeypatch.setattr(team, "SLICE", 7)
    monkeypatch.setattr(running, "BUDGET", 50)
