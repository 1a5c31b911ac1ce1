"""Which machines and schemes have been compared with measurements, and where the errors are."""

from __future__ import annotations

from collections.abc import Iterable

FAULT_AROUND = "seconds and faults of fault-around-2014 (docs/fidelity.md)"
CURVES = "lock and line curves of sosp13-synchronization (docs/fidelity.md)"
WILL_IT_SCALE = "published rates of will-it-scale (docs/modern-faults.md)"
FORK = "a fork by the size of folios, 2024 (docs/calls.md)"
MMAP = "a database on mmap, 2022 (docs/larger-than-memory.md)"

MACHINES = {
    "ivybridge-ex-4s": FAULT_AROUND,
    "ivybridge-ex-4s-fitted": FAULT_AROUND,
    "opteron-magny-cours-4s": CURVES,
    "westmere-ex-8s": CURVES,
    **dict.fromkeys(
        (
            *("broadwell-2018-2s", "broadwell-2018-4s", "broadwell-2650v4-2s"),
            *("broadwell-2690v4-2s", "cascade-lake-6252-2s", "icelake-6346-2s"),
            *("sapphire-rapids-5418y-2s", "sapphire-rapids-8468v-2s", "skylake-104t-2s"),
            *("skylake-2018-2s", "skylake-2018-4s"),
        ),
        WILL_IT_SCALE,
    ),
    "cascade-lake-4210r-1s": FORK,
    "epyc-7713-1s": MMAP,
}
KERNELS = (
    "linux",
    "linux_5_15",
    "linux_6_1",
    "linux_6_6",
    "linux_6_12",
    "linux_6_15",
    "linux_6_17",
)
SCHEMES = {
    "no_fault_around": FAULT_AROUND,
    "radix_walk_trylock": FAULT_AROUND,
    **dict.fromkeys(KERNELS, WILL_IT_SCALE),
}
KINDS = {"machines": MACHINES, "schemes": SCHEMES}


def held_against_line(machines: Iterable[str], schemes: Iterable[str]) -> str:
    """Say which of some machines and schemes have been compared with measurements, and which not.

    Parameters
    ----------
    machines, schemes : iterable of str
        Names, as results have them.
    """
    parts: list[tuple[str, str]] = []
    for known, names in ((MACHINES, machines), (SCHEMES, schemes)):
        parts += [(name, known.get(name, "")) for name in dict.fromkeys(names)]
    yes = [name for name, what in parts if what]
    no = [name for name, what in parts if not what]
    pages = dict.fromkeys(what.rpartition("(")[2].rstrip(")") for _, what in parts if what)
    words = [f"compared with measurements: {', '.join(yes)}"] if yes else []
    words += [f"never compared with measurements: {', '.join(no)}"] if no else []
    return f"{'; '.join(words)} ({', '.join(pages) or 'docs/fidelity.md'})"
