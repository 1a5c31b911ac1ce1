"""Which machines and schemes have been compared with measurements, and where the errors are."""

from __future__ import annotations

from collections.abc import Iterable

FAULT_AROUND = "seconds and faults of fault-around-2014 (docs/fidelity.md)"
CURVES = "lock and line curves of sosp13-synchronization (docs/fidelity.md)"
WILL_IT_SCALE = "will-it-scale, 2021 (docs/modern-faults.md)"

MACHINES = {
    "ivybridge-ex-4s": FAULT_AROUND,
    "ivybridge-ex-4s-fitted": FAULT_AROUND,
    "opteron-magny-cours-4s": CURVES,
    "westmere-ex-8s": CURVES,
    "broadwell-2650v4-2s": WILL_IT_SCALE,
}
SCHEMES = {
    "no_fault_around": FAULT_AROUND,
    "radix_walk_trylock": FAULT_AROUND,
    "linux": WILL_IT_SCALE,
    "linux_5_15": WILL_IT_SCALE,
}
KINDS = {"machines": MACHINES, "schemes": SCHEMES}


def held_against_line(machines: Iterable[str], schemes: Iterable[str]) -> str:
    """Say which of some machines and schemes have been compared with measurements, and which not.

    Parameters
    ----------
    machines, schemes : iterable of str
        Names, as results have them.
    """
    parts = []
    for known, names in ((MACHINES, machines), (SCHEMES, schemes)):
        parts += [(name, name in known) for name in dict.fromkeys(names)]
    yes = ", ".join(name for name, held in parts if held)
    no = ", ".join(name for name, held in parts if not held)
    words = [f"compared with measurements: {yes}"] if yes else []
    words += [f"never compared with measurements: {no}"] if no else []
    return "; ".join(words) + " (docs/fidelity.md)"
