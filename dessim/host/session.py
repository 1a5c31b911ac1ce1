"""One session of measuring: what is measured, in which order, and under which conditions."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dessim.host.around import read_window
from dessim.host.fault_probes import WINDOW_PAGES, faults
from dessim.host.measured_profile import complete, settled
from dessim.host.memory import PAGE, allowed_bytes
from dessim.host.native import supported
from dessim.host.new_profile import NO_CLOCK, check, new_profile
from dessim.host.probes import Bench, hardware
from dessim.host.sysfs import read_sysfs
from dessim.host.topology import Description, UnusableError
from dessim.host.trials import ahead_of_others, load, usable_cpus
from dessim.host.writing import Draft
from dessim.model import Machine, load_machine

SHARES = 34.0
"""Parts of the time that a number gets, over all numbers."""
WINDOW_BYTES = WINDOW_PAGES * PAGE
BUSY = 0.3
"""Other tasks per CPU from which on a session says that the machine was not its own."""


@dataclass
class MeasuredHost:
    """What a session gave.

    Attributes
    ----------
    draft : Draft
    machine, base : Machine
    busy : float
        Other tasks that wanted a CPU, per CPU.
    skipped : list of str
        Profiles that could have been the base if they could be read, and why they cannot.
    """

    draft: Draft
    machine: Machine
    base: Machine
    busy: float
    skipped: list[str]


def measure_host(
    name: str,
    budget: float,
    base: str | None,
    note: Callable[[str], None],
    *,
    privileged: bool = False,
    place: Path | None = None,
) -> MeasuredHost:
    """Measure the machine that this runs on.

    Parameters
    ----------
    name : str
        Of the profile.
    budget : float, s
    base : str or None
        None: a modern profile of the same vendor.
    note : callable
        Gets what is measured next.
    privileged : bool
        Go before other processes of the machine.
    place : pathlib.Path or None
        Where the profile will be written.

    Raises
    ------
    UnusableError
        If it cannot be measured: no Linux, another architecture, too little memory.
    """
    if platform.system() != "Linux" or not supported():
        raise UnusableError(
            f"{platform.system()} on {platform.machine()} cannot be measured: dessim measures"
            " Linux on x86-64 or aarch64; describe it with `dessim machine new`"
        )
    found = read_sysfs()
    described = new_profile(name, found, None, "", base, place)
    draft = described.draft
    cpus, busy = usable_cpus(), load() / len(usable_cpus())
    bench = Bench(cpus, {c.cpu: c for c in found.cpus}, allowed_bytes(), budget / SHARES)
    bench.busy = 0.0 if privileged else busy
    bench.by_window = privileged
    with ahead_of_others(wanted=privileged):
        for probes in (hardware, faults):
            for what in probes(bench):
                note(what)
    note("done measuring: computing the profile")
    source = f"{name} measured"
    draft.sources[source] = _conditions(found, bench, busy)
    notes = [note.removeprefix("Note: ").removesuffix(".") for note in draft.notes]
    notes += _doubts(found, busy)
    shaped = check(draft)
    made = settled(bench, shaped, source)
    if "cycle" in bench.found:
        notes = [note for note in notes if note != NO_CLOCK]
    draft = complete(draft, made, notes)
    return MeasuredHost(draft, check(draft), load_machine(draft.base), busy, described.skipped)


def _conditions(found: Description, bench: Bench, busy: float) -> str:
    """When and where it was measured."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    where = "a virtual machine" if found.hypervisor else "the machine itself"
    how = "fault_around_bytes of 4 to 64 KiB" if bench.by_window else "pages that are present"
    return (
        f"dessim measure, {today}, Linux {platform.release()} {platform.machine()}, {where},"
        f" {len(bench.cpus)} CPUs, {busy:.1f} other tasks per CPU; read faults by {how};"
        " 5 % of the medians of groups of trials; range: the least to 75 % of them"
    )


def _doubts(found: Description, busy: float) -> list[str]:
    """What makes the numbers less than certain."""
    notes = []
    if busy > BUSY:
        notes.append(
            f"{busy:.1f} other tasks per CPU ran meanwhile and shared caches and memory: times"
            " are upper bounds; measure again on an idle machine"
        )
    window = read_window()
    if window not in (None, WINDOW_BYTES):
        notes.append(f"fault_around_bytes is {window}: the costs of a page assume {WINDOW_BYTES}")
    if found.hypervisor:
        notes.append(
            "a virtual machine: its CPUs may move, others may share the L3, and interrupts cost"
            " more than on bare metal"
        )
    return notes
