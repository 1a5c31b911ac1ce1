"""Read a topology that hwloc's `lstopo FILE.xml` wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from dessim.files.numbers import whole
from dessim.host.topology import Description, HostCpu, UnusableError
from dessim.model.topology import MAX_CPUS

MAX_DEPTH = 100
_WORD = re.compile(r"((0x)?[0-9a-fA-F]{1,8})?")
_SOCKETS, _CORES, _CPUS = ("Package", "Socket"), ("Core",), ("PU",)


@dataclass(frozen=True)
class _Place:
    socket: int | None = None
    l3: int | None = None
    l2: int | None = None
    node: int | None = None
    core: int | None = None


class _Tree:
    """Walks the objects of a file, and numbers what it meets."""

    def __init__(self, found: Description) -> None:
        self.found = found
        self.next = 0

    def number(self) -> int:
        self.next += 1
        return self.next - 1

    def walk(self, element: ElementTree.Element, at: _Place, depth: int) -> Iterator[HostCpu]:
        if depth > MAX_DEPTH:
            raise UnusableError(f"{self.found.source}: objects nested deeper than {MAX_DEPTH}")
        kind = element.get("type", "")
        at = self._placed(element, kind, at)
        if kind in _CPUS:
            index = _whole(element.get("os_index"))
            if index is None:
                raise UnusableError(
                    f"{self.found.source}: a PU without os_index: not a file of lstopo"
                )
            socket, core = at.socket or 0, self.number() if at.core is None else at.core
            l3 = -1 - socket if at.l3 is None else at.l3
            yield HostCpu(index, socket, l3, core, at.node, at.l2)
            return
        nodes = [child for child in element if child.get("type") == "NUMANode"]
        if len(nodes) == 1 and not any(True for _ in nodes[0].iter("object") if _ is not nodes[0]):
            at = replace(at, node=_whole(nodes[0].get("os_index")))  # hwloc 2: beside the cores
        for child in element:
            if child.tag == "object":
                yield from self.walk(child, at, depth + 1)
            elif child.tag == "info":
                self._info(child)

    def _placed(self, element: ElementTree.Element, kind: str, at: _Place) -> _Place:
        level = "3" if kind == "L3Cache" else "2" if kind == "L2Cache" else ""
        if kind == "Cache":  # hwloc 1
            level = element.get("depth", "")
        if level == "3":
            size = _whole(element.get("cache_size"))
            if size is not None:
                self.found.l3_bytes = self.found.cache(size) or self.found.l3_bytes
            return replace(at, l3=self.number())
        if level == "2":
            return replace(at, l2=self.number())
        if kind in _SOCKETS:
            return replace(at, socket=self.number())
        if kind in _CORES:
            return replace(at, core=self.number())
        if kind == "NUMANode":
            return replace(at, node=_whole(element.get("os_index")))
        return at

    def _info(self, element: ElementTree.Element) -> None:
        name, value = element.get("name", ""), element.get("value", "")[:200]
        if name == "CPUModel":
            self.found.model = self.found.model or value.strip()
        elif name == "CPUVendor":
            self.found.vendor = value.strip()
        elif name == "Architecture":
            self.found.arch = value.strip()


def read_hwloc(text: str, source: str = "hwloc") -> Description:
    """What an XML file of hwloc 1 or 2 says about a machine.

    Raises
    ------
    UnusableError
        If it is no such file. Entities of a file's own are refused.
    """
    if "<!ENTITY" in text:
        raise UnusableError(f"{source}: it defines entities, which lstopo's files do not")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UnusableError(
            f"{source}:{line}:{column + 1}: not XML: write it with `lstopo x.xml`"
        ) from None
    except ValueError as error:
        raise UnusableError(f"{source}: not XML: {error}") from None
    found = Description(source)
    tree = _Tree(found)
    for element in root:
        if element.tag == "object":
            found.cpus += tree.walk(element, _Place(), 0)
        if len(found.cpus) > MAX_CPUS:
            raise UnusableError(f"{source}: more than {MAX_CPUS} CPUs")
    if not found.cpus:
        raise UnusableError(f"{source}:1: no PU in it: write it with `lstopo x.xml`")
    numbers = Counter(cpu.cpu for cpu in found.cpus)
    for cpu, times in numbers.items():
        if times > 1:
            raise UnusableError(f"{source}: {times} PUs have os_index {cpu}: not a file of lstopo")
    _kinds(root, found)
    _clusters(found)
    return found


def _kinds(root: ElementTree.Element, found: Description) -> None:
    """Kinds of cores, by the efficiency that the kernel gives them."""
    kinds: dict[int, int] = {}
    for rank, element in enumerate(root.iter("cpukind")):
        efficiency = _whole(element.get("forced_efficiency") or element.get("efficiency"))
        for cpu in _bits(element.get("cpuset", "")):
            kinds[cpu] = rank if efficiency is None else efficiency
    if len(set(kinds.values())) > 1:
        found.cpus = [replace(cpu, kind=kinds.get(cpu.cpu)) for cpu in found.cpus]


def _clusters(found: Description) -> None:
    """An L2 of several cores: a cluster."""
    sharing = {
        c.cluster: {d.core for d in found.cpus if d.cluster == c.cluster} for c in found.cpus
    }
    widest = max((len(cores) for key, cores in sharing.items() if key is not None), default=1)
    if widest > 1:
        found.notes.append(
            f"clusters of {widest} cores share an L2: the model has no distance for clusters"
        )
    else:
        found.cpus = [replace(cpu, cluster=None) for cpu in found.cpus]


def _bits(text: str) -> list[int]:
    """CPUs of a set such as `0x00000001,0x0000ff00`: words of 32 bits, the highest first."""
    words = text.split(",")[-MAX_CPUS // 32 :]
    if not all(map(_WORD.fullmatch, words)):
        return []
    value = sum(int(word or "0", 16) << 32 * n for n, word in enumerate(reversed(words)))
    return [bit for bit in range(min(value.bit_length(), MAX_CPUS)) if value >> bit & 1]


def _whole(text: str | None) -> int | None:
    return None if text is None else whole(text)
