"""What a machine is: topology, clock, and the cost of everything that takes time.

Times are integer picoseconds, ratios parts per million. `configs/machines/*.yaml` writes them with
units, each with its source; see `dessim.model.fields` for the two spellings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dessim.model.calibration import Calibration
from dessim.model.costs import Cost, Device, KernelCosts, Tlb, UserCosts
from dessim.model.document import dotted
from dessim.model.fields import (
    Count,
    Flag,
    Model,
    Name,
    Rate,
    Ratio,
    Share,
    ShareOrFlag,
    Text,
    Time,
    Unit,
    keys_of,
    refuse,
    submodel,
    yaml_form,
    yaml_key,
)
from dessim.model.frame_costs import FrameCosts
from dessim.model.paging_costs import PagingCosts
from dessim.model.provenance import FREE, Provenance, default_of
from dessim.model.topology import Clock, Smt, Topology
from dessim.model.units import SIZE


class Distances(Model):
    """Cost of one operation on a cache line by the distance to its owner.

    A distance that the machine lacks may be left out.
    """

    smt_sibling_ps: Time = 0
    """Owner is the SMT sibling: the same L1."""
    same_l3_ps: Time
    """Owner is another core of the same L3 domain."""
    same_socket_ps: Time = 0
    """Owner is another L3 domain of the same socket."""
    far_home_ps: Time = 0
    """As `same_socket`, but the line's memory, its home, is on another socket; left out: the same
    as `same_socket`."""
    one_hop_ps: Time = 0
    """Owner is on a socket one link away."""
    two_hops_ps: Time = 0
    """Owner is on a socket two links away."""

    @model_validator(mode="after")
    def _fill(self) -> Distances:
        # What the machine has not got takes the nearest smaller distance: never used, never zero.
        previous = self.same_l3_ps
        for name in ("smt_sibling_ps", "same_socket_ps", "one_hop_ps", "two_hops_ps"):
            if name not in self.model_fields_set:
                object.__setattr__(self, name, previous)
            elif name != "smt_sibling_ps":
                previous = getattr(self, name)
        if "far_home_ps" not in self.model_fields_set:
            object.__setattr__(self, "far_home_ps", self.same_socket_ps)
        return self


class CacheLine(Model):
    """Cost of load, store and locked read-modify-write (RMW) by a line's state and distance."""

    local_load_ps: Annotated[Time, Cost()]
    """Load of a line in the core's own L1."""
    local_store_ps: Annotated[Time, Cost()]
    """Store to an owned line in the core's own L1."""
    local_rmw_ps: Annotated[Time, Cost()]
    """Locked RMW on an owned line in the core's own L1."""
    load_modified: Distances
    """Load of a line that another core has modified."""
    load_shared: Distances
    """Load of a line that others hold unmodified."""
    store_modified: Distances
    """Store to a line that another core has modified."""
    store_shared: Distances
    """Store to a line that others hold unmodified: they are invalidated."""
    rmw_modified: Distances
    """Locked RMW on a line that another core has modified."""
    rmw_shared: Distances
    """Locked RMW on a line that others hold unmodified."""
    hold_ps: Time
    """How long a core keeps a line that it fetched before another may take it (runs)."""
    arbitration_share_ppm: Share
    """Preference for requesters near the owner: 0 serves in order of request."""
    coalesce_ppm: ShareOrFlag
    """Share of requests that one transfer serves together with that of an SMT sibling already
    waiting for the line; true and false are 100 % and 0 %."""
    prefetch_hidden_ppm: Share
    """Share of the transfer of sequential struct-page lines that prefetch hides."""
    prefetch_after: Annotated[int, Field(strict=True, ge=0, le=64)] = 0
    """Sequential lines that miss before the prefetcher runs ahead."""
    evict_after_ps: Time
    """A line untouched for this long has left private caches."""
    l3_hit_ps: Time
    """Cost of an evicted line from the L3 of the requester's socket."""


PAGE_SIZES = (4096, 16_384, 65_536)


class Memory(Model):
    """DRAM latency by distance, and bandwidth."""

    local_ps: Time
    """Latency of the DRAM of the own socket."""
    one_hop_ps: Time = 0
    """Latency of DRAM one link away."""
    two_hops_ps: Time = 0
    """Latency of DRAM two links away."""
    bandwidth_per_socket_bytes_per_s: Rate
    """Bandwidth of the DRAM of one socket, for all readers together."""
    file_placement: Literal["interleave", "first_socket"]
    """Where the pages of the cached file lie."""
    page_size_bytes: Annotated[int, Unit(SIZE, low=4096, high=65_536)] = 4096
    """Bytes of a page: 4, 16 or 64 KiB (arm64; x86 knows 4). It is a page table, too: an eighth of
    it is the number of ptes of a table, and of tables below a PMD page. Costs of a page's bytes
    are for 4 KiB and grow with it."""

    @model_validator(mode="after")
    def _fill(self) -> Memory:
        if self.page_size_bytes not in PAGE_SIZES:
            raise refuse([(("page_size",), "a page has 4KiB, 16KiB or 64KiB")])
        previous = self.local_ps
        for name in ("one_hop_ps", "two_hops_ps"):
            if name not in self.model_fields_set:
                object.__setattr__(self, name, previous)
            previous = getattr(self, name)
        return self


class Locks(Model):
    """Kinds of lock, the cost of a hand-over, and what else threads share in a kernel version."""

    page_table_lock: Literal["ticket", "mcs", "test_and_set"]
    """Kind of the split page-table locks and of the mm's page_table_lock."""
    ticket_per_waiter_ps: Time
    """Extra hand-over time of a ticket lock per waiting CPU."""
    mcs_transfers_ppm: Ratio
    """Hand-over of an MCS lock in cache-line transfers."""
    split_page_table_locks: Flag = True
    """One lock per page table; false: one per mm."""
    split_pmd_locks: Flag = True
    """Install a new page table under the lock of its PMD page (Linux from 3.13 on, if page-table
    locks are split); false: under the mm's page_table_lock."""
    test_and_set_per_waiter_ps: Annotated[Time, FREE] = 0
    """Extra hand-over time of a test-and-set lock per waiting CPU; back-off lowers it."""
    page_lock_hand_over: Literal["racing", "fair", "bounded"] = "racing"
    """Whether a woken waiter of a page lock races for it (before Linux 5.9), receives it
    (2a9127fcf229), or receives it after some lost races (5ef64cc8987a)."""
    page_lock_retries: Annotated[Count, Field(le=1000)] = 5
    """Lost races after which a waiter receives the lock (`bounded`)."""
    page_wait_order: Literal["shared_first", "arrival"] = "shared_first"
    """Order of a page's wait queue. Before Linux 4.13, waiters for the release queue at the head,
    the last one first, and waiters for the lock at the tail; from 3510ca20ece0 on, all queue in
    order of arrival."""
    vma_cache: Literal["mm", "thread"] = "mm"
    """Where the VMA found last is cached: in the mm, on a line that its threads share (up to Linux
    3.14), or per thread (615d6e8756c8, Linux 3.15); `thread` also where there is no cache."""
    page_wait_queues: Annotated[Count, Field(le=1 << 20)] = 256
    """Hashed wait queues that all pages share."""

    @property
    def pmd_locks(self) -> bool:
        """Whether PMD pages have locks: only if page tables have (`USE_SPLIT_PMD_PTLOCKS`)."""
        return self.split_page_table_locks and self.split_pmd_locks


class Machine(Model):
    """A machine profile: every cost is a number that a person can edit, with its source."""

    name: Name
    """Name of the profile, as in results."""
    description: Text = ""
    """Which machine this is, and how far to trust its numbers."""
    topology: Topology
    clock: Clock
    smt: Smt
    cache_line: CacheLine
    memory: Memory
    locks: Locks
    kernel: KernelCosts
    user: UserCosts
    frames: FrameCosts = Field(default_factory=FrameCosts)
    paging: PagingCosts = Field(default_factory=PagingCosts)
    tlb: Tlb = Field(default_factory=Tlb)
    device: Device = Field(default_factory=Device)
    sources: dict[str, Text] = Field(default_factory=dict)
    """Reference of each source key."""
    calibration: Calibration | None = None
    """What `dessim calibrate` fitted, and to what; nothing here changes a run."""
    provenance: dict[str, Provenance] = Field(default_factory=dict, exclude=True)
    """Where each number comes from, by its dotted YAML path; filled by the loader."""
    origins: dict[str, str] = Field(default_factory=dict, exclude=True)
    """Which profile gives each value, by its dotted YAML path: the machine's own name, or a base as
    the key `base` names it; filled by the loader. What is not here is dessim's default."""

    @model_validator(mode="after")
    def _check_distances(self) -> Machine:
        needed = self._needed_distances()
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for name in CacheLine.model_fields:
            distances = getattr(self.cache_line, name)
            if isinstance(distances, Distances):
                problems += _missing(("cache_line", name), distances, needed)
        in_memory = [item for item in needed if item[0] in Memory.model_fields]
        problems += _missing(("memory",), self.memory, in_memory)
        if problems:
            raise refuse(problems)
        return self

    def _needed_distances(self) -> list[tuple[str, str]]:
        topology = self.topology
        far = max(max(row) for row in topology.hops)
        needed = [
            ("smt_sibling_ps", "has SMT siblings", topology.threads_per_core > 1),
            ("same_socket_ps", "has several L3 domains in a socket", topology.l3_per_socket > 1),
            ("one_hop_ps", "has several sockets", topology.sockets > 1),
            ("two_hops_ps", "has sockets two hops apart", far > 1),
        ]
        return [(name, why) for name, why, wanted in needed if wanted]

    def __eq__(self, other: object) -> bool:
        """Equal in everything that can change a result: descriptions and sources cannot."""
        return isinstance(other, Machine) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash of what `__eq__` compares."""
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        costs = (self.cache_line, self.memory, self.locks, self.kernel, self.user, self.tlb)
        rest = (self.device, self.frames, self.paging)
        return (self.name, self.topology, self.clock, self.smt, *costs, *rest)


def left_out(model: Model, way: str = "") -> dict[str, Provenance]:
    """Dotted path of each number that a profile leaves to dessim -> where that number comes from.

    Only of those that are marked as `Default`: costs, and what else a reader has to know of.
    """
    found: dict[str, Provenance] = {}
    for name, field in type(model).model_fields.items():
        path, default = f"{way}{yaml_key(name)}", default_of(field)
        if submodel(field) is not None:
            found |= left_out(getattr(model, name), f"{path}.")
        elif default is not None and name not in model.model_fields_set:
            found[path] = default.provenance()
    return found


def values_of(model: Model, way: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of each value of a profile, in order of definition.

    Not of its words: name, description, sources and calibration.
    """
    written = yaml_form(model)
    for key, field in keys_of(type(model)).items():
        inner = submodel(field)
        if inner is not None:
            name = next(n for n in type(model).model_fields if yaml_key(n) == key)
            yield from values_of(getattr(model, name), f"{way}{key}.")
        elif way:
            value = written[key]
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            yield f"{way}{key}", text


def _missing(
    path: tuple[str, ...], model: Model, needed: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str | int, ...], str]]:
    """Problems of the distances that the machine has and `model` does not price."""
    return [
        (path, f"missing key '{dotted((*path, name.removesuffix('_ps')))}': this machine {why}")
        for name, why in needed
        if name not in model.model_fields_set
    ]
