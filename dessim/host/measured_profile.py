"""From measurements to a profile: what was measured, what follows from it, what the base gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from dessim.host.probes import Bench
from dessim.host.simulated import Scaled, mean_latency, scale, simulate
from dessim.host.trials import Sample
from dessim.host.writing import Draft, Entry
from dessim.kernel.result import RunResult
from dessim.model import Machine, Workload
from dessim.model.vary import value_at, with_values

MIB = 1 << 20
DIRECT = {
    "cache_line.local_load": "load",
    "cache_line.local_store": "load",
    "cache_line.local_rmw": "rmw",
    "cache_line.l3_hit": "l3",
    "memory.local": "memory",
    "kernel.teardown_per_pte": "pte_away_page",
    "frames.unmap_region": "munmap",
    "tlb.ipi_base": "shootdown",
    "tlb.ipi_handler": "handler",
    "kernel.context_switch": "switch",
    "kernel.wakeup": "wake",
}
"""Costs that are what was measured -> its name."""
HOW = {
    "load": "circle of pointers in 4 KiB",
    "rmw": "atomic additions to one line",
    "l3": "circle of pointers in 2 MiB",
    "memory": "circle of pointers in 128 MiB of huge pages",
    "pte_away_page": "munmap of a file: slope over pages present",
    "munmap": "munmap of 2 MiB that nobody touched",
    "shootdown": "MADV_DONTNEED with a thread on another CPU, minus without",
    "handler": "gaps in that thread's time",
    "switch": "futex back and forth on one CPU, minus the system calls",
    "wake": "futex back and forth between two CPUs, minus the system calls",
}
PAGE_COSTS = ("kernel.page_checks", "kernel.rmap", "kernel.set_pte", "kernel.lookup_slot")
FAULT_COSTS = (
    "kernel.exception_entry",
    "kernel.exception_exit",
    "kernel.walk_page_table",
    "kernel.fault_around_setup",
    "kernel.lookup_descent",
    "frames.vma_lookup",
    "frames.handle_fault",
)
MEMORY_COSTS = (
    "frames.alloc_frame",
    "frames.zero_page",
    "frames.charge_page",
    "frames.page_statistics",
    "frames.count_rss",
    "frames.lru_add",
)
AWAY_COSTS = ("frames.zap_page", "frames.free_page", "frames.uncharge_page")


def small(name: str, **settings: object) -> Workload:
    """A workload of one process and 4 MiB."""
    given = {"access": "sequential", "mapping": "per_process", "file_size_bytes": 4 * MIB}
    return Workload.model_validate({"name": name, **given, "start_stagger_ps": 0, **settings})


TOUCH = small("touch", page_touch="touch_word")
READ = small("read")
KINDS = {
    "anonymous": small("anonymous", fault="anonymous"),
    "copy": small("copy", fault="write_private"),
    "shared_write": small("shared_write", fault="write_shared"),
}


def page_slope(machine: Machine) -> float:
    """Simulated time of a page in a window, ns."""
    wide, narrow = (mean_latency(simulate(machine, TOUCH, order=order)) for order in (4, 3))
    return (wide - narrow) / 8


def fault_intercept(machine: Machine) -> float:
    """Simulated time of a read fault without its pages, ns."""
    return mean_latency(simulate(machine, TOUCH)) - 16 * page_slope(machine)


def _user(result: RunResult, touches: int) -> float:
    return (result.time_ps.get("user", 0) + result.time_ps.get("tlb", 0)) / touches / 1000


def _latency_of(workload: Workload, machine: Machine) -> float:
    return mean_latency(simulate(machine, workload))


def _user_of(workload: Workload, machine: Machine) -> float:
    return _user(simulate(machine, workload), workload.file_size_bytes // 4096)


def _away(machine: Machine) -> float:
    result = simulate(machine, KINDS["anonymous"])
    return result.finish_ps / 1000 / max(1, result.faults) - mean_latency(result)


@dataclass
class Settling:
    """A machine on its way from base to measured.

    Attributes
    ----------
    bench : Bench
    machine : Machine
    base : Machine
    entries : dict of str to Entry
    source : str
        Key of the measurement among the sources.
    notes : list of str
    """

    bench: Bench
    machine: Machine
    base: Machine
    source: str
    entries: dict[str, Entry] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def set(self, path: str, value: int, how: str, sample: Sample, factor: float) -> None:
        """Note a number that was measured: `factor` turns the sample's unit into the path's."""
        ends = (round(sample.low * factor), round(sample.high * factor))
        self.machine = with_values(self.machine, {path: value})
        note = f"{how}; {sample.kept} of {sample.tried} trials were undisturbed"
        self.entries[path] = Entry(path, value, "measured", self.source, note, *ends)

    def derive(self, path: str, value: int, note: str) -> None:
        """Note a number that follows from what was measured."""
        self.machine = with_values(self.machine, {path: value})
        self.entries[path] = Entry(path, value, "derived", self.source, note)

    def settle(
        self,
        paths: tuple[str, ...],
        measure: Callable[[Machine], float],
        name: str,
        what: str,
        minus: float = 0.0,
    ) -> None:
        """Scale a group of costs until `what` takes as long as measured."""
        sample = self.bench.found.get(name)
        if sample is None:
            return
        target = max(1.0, sample.value - minus)
        found: Scaled = scale(self.machine, paths, measure, target)
        if abs(found.reached - target) > 0.05 * target:
            self.notes.append(
                f"{what}: {target:.0f} ns measured, {found.reached:.0f} simulated: the costs of"
                f" lines alone exceed it, or scaling ends at {found.factor:g}"
            )
        for path in paths:
            was = value_at(self.machine, path) / 1000
            note = (
                f"{was:g} ns scaled by {found.factor:.3g}: {what} takes {target:.0f} ns as measured"
            )
            self.derive(path, value_at(found.machine, path), note)


def settled(bench: Bench, base: Machine, source: str) -> Settling:
    """The base with everything that was measured put in, and what follows from it.

    Parameters
    ----------
    bench : Bench
        After its measurements.
    base : Machine
        With the topology of this machine.
    source : str
    """
    made = Settling(bench, base, base, source)
    found = bench.found
    if "cycle" in found:
        cycle = found["cycle"]
        for key in ("one_core", "all_cores"):
            hertz = round(1000 / cycle.value) * 1_000_000
            how = "dependent multiplications, by the clock of the system"
            made.entries[f"clock.{key}"] = Entry(f"clock.{key}", hertz, "measured", source, how)
        if base.clock.nominal_hz > hertz:
            made.notes.append("the measured clock is below the nominal one: a slow moment or state")
    for path, name in DIRECT.items():
        if name in found:
            made.set(path, max(1, round(found[name].value * 1000)), HOW[name], found[name], 1000)
    _lines(made)
    _bandwidth(made)
    made.settle(PAGE_COSTS, page_slope, "fault_page", "a page of a window")
    touched = found["word"].value if "word" in found else 0.0
    made.settle(FAULT_COSTS, fault_intercept, "fault", "a read fault without its pages", touched)
    _user_costs(made)
    for name, paths in (
        ("anonymous", MEMORY_COSTS),
        ("copy", ("frames.copy_page",)),
        ("shared_write", ("frames.find_file_page", "frames.dirty_page")),
    ):
        kind = KINDS[name]
        made.settle(paths, partial(_latency_of, kind), name, f"a fault ({name})")
        if name == "anonymous":
            made.settle(AWAY_COSTS, _away, "anonymous_away", "unmapping a page of memory")
    return made


def _user_costs(made: Settling) -> None:
    pages = TOUCH.file_size_bytes // 4096
    reads = (("user.read_page_dram", READ, "page"), ("user.touch_word", TOUCH, "word"))
    if "page_again" in made.bench.found:
        again = made.bench.found["page_again"]
        value = min(again.value, made.bench.found.get("page", again).value)
        made.set("user.read_page_l3", round(value * 1000), "the same 512 KiB again", again, 1000)
    for path, workload, name in reads:
        made.settle(
            (path,),
            partial(_user_of, workload),
            name,
            "a page read from memory" if name == "page" else "a touch of a mapped page",
        )
    anywhere = [
        small("random", access="random", touches_per_page=n, file_size_bytes=32 * MIB)
        for n in (4, 8)
    ]

    def word(machine: Machine) -> float:
        few, many = (_user(simulate(machine, one), 1) for one in anywhere)
        return (many - few) / (4 * 8 * pages)

    made.settle(("user.random_word",), word, "random", "a word anywhere")


def _lines(made: Settling) -> None:
    """Rows of lines: compare-and-swap is measured; a load and a store together; others scaled."""
    base = made.base
    for name in ("smt_sibling", "same_l3", "same_socket", "one_hop", "two_hops"):
        swap = made.bench.found.get(f"swap.{name}")
        if swap is None:
            continue
        own = f"cache_line.rmw_modified.{name}"
        made.set(
            own, round(swap.value * 1000), "compare-and-swap back and forth, one way", swap, 1000
        )
        factor = swap.value * 1000 / value_at(base, own)
        load, store = (f"cache_line.{row}.{name}" for row in ("load_modified", "store_shared"))
        hand = made.bench.found.get(f"hand.{name}")
        both = value_at(base, load) + value_at(base, store)
        scaled = factor if hand is None else hand.value * 1000 / both
        how = "scaled as rmw_modified" if hand is None else "a load and a store took together"
        how += "" if hand is None else f" {hand.value:.1f} ns one way, in the base {both / 1000:g}"
        for path, by in (
            (load, scaled),
            (store, scaled),
            (f"cache_line.load_shared.{name}", factor),
            (f"cache_line.store_modified.{name}", factor),
            (f"cache_line.rmw_shared.{name}", factor),
        ):
            note = how if path in (load, store) else "scaled as rmw_modified"
            was = value_at(base, path)
            text = f"{was / 1000:g} ns of the base; {note}"
            made.derive(path, max(1, round(was * by)), text)


def _bandwidth(made: Settling) -> None:
    found, topology = made.bench.found, made.base.topology
    cores = topology.n_cores / topology.sockets
    for name, what, share in (
        ("node_byte", "all CPUs read", topology.sockets),
        ("core_byte", f"one core reads, times {cores:g} cores", 1 / cores),
    ):
        if name in found:
            rate = round(1e9 / found[name].value / share)
            path = "memory.bandwidth_per_socket"
            made.machine = with_values(made.machine, {path: rate})
            made.entries[path] = Entry(
                path, rate, "measured", made.source, f"{what}, at their best"
            )
            return


def complete(draft: Draft, made: Settling, notes: list[str]) -> Draft:
    """A draft of the machine's topology with the measured numbers in it."""
    entries = {entry.path: entry for entry in draft.entries} | made.entries
    order = {path: n for n, path in enumerate(_paths())}
    draft.entries = sorted(entries.values(), key=lambda entry: order[entry.path])
    missing = [f"not measured: {name}: {why}" for name, why in made.bench.missing.items()]
    draft.notes = [f"Note: {note}." for note in [*notes, *made.notes, *missing]]
    return draft


def _paths() -> list[str]:
    from dessim.model.vary import paths_of

    return list(paths_of(Machine))
