"""How a machine's CPUs are arranged, how fast they run, and what SMT siblings cost each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dessim.model.fields import Count, Frequency, Model, Size, SlowDown, refuse

MAX_CPUS = 4096
MAX_SOCKETS = 64


class Topology(Model):
    """How the CPUs are arranged: sockets, L3 domains (dies, CCXs), cores, SMT siblings."""

    sockets: Annotated[Count, Field(le=MAX_SOCKETS)]
    """Processor packages."""
    l3_per_socket: Annotated[Count, Field(le=MAX_CPUS)] = 1
    """L3 domains (dies or CCXs) in a socket."""
    cores_per_l3: Annotated[Count, Field(le=MAX_CPUS)]
    """Cores that share one L3."""
    threads_per_core: Annotated[Count, Field(le=8)] = 1
    """SMT siblings of a core."""
    hops: tuple[tuple[Annotated[int, Field(strict=True, ge=0, le=2)], ...], ...] = ()
    """Links between each pair of sockets (0, 1 or 2), a symmetric matrix with a zero diagonal.
    Default: every other socket is one hop away."""
    l3_size_bytes: Size
    """Capacity of one L3 domain."""
    placement: Literal["spread", "compact", "cores"] = "spread"
    """Where the next thread goes: `spread` over sockets, then L3s, then cores, then SMT siblings;
    `compact` fills a core's siblings, then the L3, then the socket; `cores` the cores of a socket,
    then those of the next, then SMT siblings, as will-it-scale pins its tasks."""

    @model_validator(mode="after")
    def _check(self) -> Topology:
        if self.n_cpus > MAX_CPUS:
            text = f"{self.n_cpus} CPUs: a machine has at most {MAX_CPUS}"
            raise refuse([(("sockets",), text)])
        n = self.sockets
        if not self.hops:
            full = tuple(tuple(int(a != b) for b in range(n)) for a in range(n))
            object.__setattr__(self, "hops", full)  # frozen: only here, while it is being built
            return self
        if len(self.hops) != n or any(len(row) != n for row in self.hops):
            raise refuse([(("hops",), f"hops must be a matrix of {n} x {n} for {n} sockets")])
        if any(self.hops[a][a] for a in range(n)):
            raise refuse([(("hops",), "hops must be 0 on the diagonal")])
        if any(self.hops[a][b] != self.hops[b][a] for a in range(n) for b in range(a)):
            raise refuse([(("hops",), "hops must be symmetric")])
        if any(self.hops[a][b] == 0 for a in range(n) for b in range(a)):
            raise refuse([(("hops",), "hops between two sockets must be 1 or 2")])
        return self

    @property
    def n_l3(self) -> int:
        """L3 domains of the machine."""
        return self.sockets * self.l3_per_socket

    @property
    def n_cores(self) -> int:
        """Cores of the machine."""
        return self.n_l3 * self.cores_per_l3

    @property
    def n_cpus(self) -> int:
        """Logical CPUs of the machine."""
        return self.n_cores * self.threads_per_core


class Clock(Model):
    """Clock by load.

    Costs of kernel and user work in the file hold at `one_core`; with more busy cores they stretch
    linearly to `all_cores`.
    """

    nominal_hz: Frequency
    """Base clock, as sold."""
    one_core_hz: Frequency
    """Clock with one busy core."""
    all_cores_hz: Frequency
    """Clock with all cores busy."""

    @model_validator(mode="after")
    def _check(self) -> Clock:
        if self.all_cores_hz > self.one_core_hz:
            text = "all_cores must not be faster than one_core"
            raise refuse([(("all_cores",), text)])
        return self


class Smt(Model):
    """How much a busy SMT sibling slows the work of a CPU."""

    user_slowdown_ppm: SlowDown
    """Factor of user work (reading pages) next to a busy sibling."""
    kernel_slowdown_ppm: SlowDown
    """Factor of kernel work next to a busy sibling."""
