"""Read the topology of this machine from /sys."""

from __future__ import annotations

import platform
import re
from dataclasses import replace
from pathlib import Path

from dessim.files.numbers import whole
from dessim.files.reading import MAX_TABLE_BYTES, UnreadableError, read_text
from dessim.host.topology import Description, HostCpu, UnusableError, numbers_in

SYS = Path("/sys/devices/system")
PROC = Path("/proc")
_LEAST = 1 << 16
"""Most bytes of a file of /sys: its lists are short."""


def _read(path: Path, most: int = _LEAST) -> str | None:
    try:
        return read_text(path, most).strip()
    except UnreadableError:
        return None


def _whole(path: Path) -> int | None:
    text = _read(path)
    return None if text is None else whole(text)


def read_sysfs(root: Path = SYS, proc: Path = PROC) -> Description:
    """What the kernel says about this machine.

    Parameters
    ----------
    root : pathlib.Path
        `/sys/devices/system`, or a copy.
    proc : pathlib.Path
        `/proc`, or a copy.

    Raises
    ------
    UnusableError
        If it says nothing: there is no /sys in some containers.
    """
    online = _read(root / "cpu" / "online")
    if online is None:
        raise UnusableError(f"{root}/cpu/online: missing: give --lscpu FILE or --hwloc FILE")
    found = Description(str(root), arch=platform.machine())
    try:
        cpus = numbers_in(online)
    except ValueError as error:
        raise UnusableError(f"{root}/cpu/online: {error}") from None
    known = {cpu: _cpu(root / "cpu" / f"cpu{cpu}", cpu, found) for cpu in cpus}
    found.cpus = _numbered(known)
    for cpu in cpus[:1]:
        base = _whole(root / "cpu" / f"cpu{cpu}" / "cpufreq" / "base_frequency")
        found.nominal_hz = found.clock("base_frequency", base / 1000) if base else None
    most = [_whole(root / "cpu" / f"cpu{c}" / "cpufreq" / "cpuinfo_max_freq") for c in cpus]
    clocks = {clock for clock in most if clock}
    found.most_hz = found.clock("cpuinfo_max_freq", max(clocks) / 1000) if clocks else None
    if len(clocks) > 1 and max(clocks) > 1.1 * min(clocks):
        ranks = {cpu: clock or 0 for cpu, clock in zip(cpus, most, strict=True)}
        limit = 0.9 * max(clocks)
        found.cpus = [replace(c, kind=int(ranks[c.cpu] >= limit)) for c in found.cpus]
    _nodes(root, found)
    _names(proc, found)
    return found


def _cpu(folder: Path, cpu: int, found: Description) -> tuple[int, str, str]:
    """Socket, CPUs of the L3, and siblings of a CPU, as the kernel lists them."""
    socket = _whole(folder / "topology" / "physical_package_id") or 0
    siblings = _read(folder / "topology" / "thread_siblings_list") or str(cpu)
    for index in range(8):
        cache = folder / "cache" / f"index{index}"
        if _whole(cache / "level") == 3:
            size = re.fullmatch(r"([0-9]{1,9})K", _read(cache / "size") or "")
            if size:
                found.l3_bytes = found.cache(int(size[1]) << 10)
            return socket, _read(cache / "shared_cpu_list") or "", siblings
    return socket, "", siblings


def _numbered(known: dict[int, tuple[int, str, str]]) -> list[HostCpu]:
    """CPUs with numbers for their lists; without an L3, a socket counts as one."""
    l3: dict[str, int] = {}
    cores: dict[str, int] = {}
    return [
        HostCpu(
            cpu,
            socket,
            l3.setdefault(shared or f"socket {socket}", len(l3)),
            cores.setdefault(siblings, len(cores)),
        )
        for cpu, (socket, shared, siblings) in known.items()
    ]


def _nodes(root: Path, found: Description) -> None:
    try:
        nodes = numbers_in(_read(root / "node" / "has_cpu") or "")
        for node in nodes:
            listed = _read(root / "node" / f"node{node}" / "cpulist") or ""
            found.nodes[node] = numbers_in(listed)
            row = (_read(root / "node" / f"node{node}" / "distance") or "").split()
            found.distances.append([_distance(word) for word in row])
    except ValueError:
        found.nodes, found.distances = {}, []
    if any(len(row) != len(found.distances) for row in found.distances):
        found.distances = []  # nodes without CPUs have columns, too
    of_cpu = {cpu: node for node, cpus in found.nodes.items() for cpu in cpus}
    found.cpus = [replace(cpu, node=of_cpu.get(cpu.cpu)) for cpu in found.cpus]


def _distance(word: str) -> int:
    found = whole(word)
    if found is None:
        raise ValueError(f"'{word}' is no distance")
    return found


def _names(proc: Path, found: Description) -> None:
    for line in (_read(proc / "cpuinfo", MAX_TABLE_BYTES) or "").splitlines()[:60]:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            found.model = value.strip()[:200]
        elif key.strip() == "vendor_id":
            found.vendor = value.strip()[:200]
        elif key.strip() == "flags" and "hypervisor" in value.split():
            found.hypervisor = "a hypervisor"
        elif key.strip() == "bogomips" and found.nominal_hz is None and found.arch == "x86_64":
            text = value.strip()
            if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,4})?", text):
                found.nominal_hz = found.clock("half of bogomips", round(float(text) / 2))
