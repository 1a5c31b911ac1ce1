"""Read what `lscpu` prints, as JSON (`-J`) or as plain lines."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from dessim.errors import counted
from dessim.files.numbers import whole
from dessim.files.reading import parse_json
from dessim.host.topology import Description, UnusableError, check_nodes, numbers_in

_SIZE = re.compile(
    r"(?P<n>\d{1,9}(?:[.,]\d{1,6})?)\s*(?P<u>[KMG]?)i?B?"
    r"(?:\s*\((?P<i>\d{1,5}) instances?\))?",
    re.ASCII,
)
_SCALE = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_GHZ = re.compile(r"@\s*(\d{1,2}(?:\.\d{1,3})?)\s*GHz", re.ASCII)
_NODE = re.compile(r"NUMA node(\d{1,4}) CPU\(s\)", re.ASCII)
_LISTS = ("On-line CPU(s) list", "Off-line CPU(s) list")
_MHZ = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)
MAX_FIELDS = 2_000
MAX_DEPTH = 8


def read_lscpu(text: str, source: str = "lscpu") -> Description:
    """What `lscpu` says about a machine.

    Parameters
    ----------
    text : str
        With or without `-J`, in the C locale.
    source : str
        What errors call it.

    Raises
    ------
    UnusableError
        If it is no such output.
    """
    begins = text.lstrip()[:1]
    fields = _json_fields(text, source) if begins == "{" else _plain_fields(text)
    if "CPU(s)" not in fields and "Socket(s)" not in fields:
        what = "`lscpu -J` or `LC_ALL=C lscpu`"
        raise UnusableError(f"{source}:1: not the output of lscpu: give the output of {what}")
    found = Description(source)
    for name, key in (
        ("Architecture", "arch"),
        ("Model name", "model"),
        ("Vendor ID", "vendor"),
        ("Hypervisor vendor", "hypervisor"),
    ):
        setattr(found, key, fields.get(name, "").strip()[:200])
    _counts(fields, found)
    _caches(fields, found)
    _clocks(fields, found)
    for name, value in fields.items():
        node = _NODE.fullmatch(name)
        if node and value:
            found.nodes[int(node[1])] = _listed(name, value, source)
    found.numbers = _numbers(fields, found)
    check_nodes(found.nodes, found.numbers, source)
    return found


def _listed(name: str, value: str, source: str) -> list[int]:
    try:
        return numbers_in(value)
    except ValueError as error:
        raise UnusableError(f"{source}: {name}: {error}") from None


def _numbers(fields: dict[str, str], found: Description) -> Collection[int]:
    """Numbers that CPUs have: some lack where there is room for more; empty if nothing says it."""
    names = [name for name in _LISTS if fields.get(name)]
    if names:
        return {cpu for name in names for cpu in _listed(name, fields[name], found.source)}
    return range(found.counts.get("cpus", 0))


def _json_fields(text: str, source: str) -> dict[str, str]:
    try:
        data = parse_json(text)
    except ValueError as error:
        raise UnusableError(f"{source}: not JSON: {' '.join(str(error).split())[:200]}") from None
    fields: dict[str, str] = {}

    def walk(entries: Any, depth: int) -> None:
        if not isinstance(entries, list) or depth > MAX_DEPTH:
            return
        for entry in entries:
            if not isinstance(entry, dict) or len(fields) >= MAX_FIELDS:
                continue
            name, value = entry.get("field"), entry.get("data")
            if isinstance(name, str) and isinstance(value, (str, int)):
                fields.setdefault(name.rstrip(": ").strip(), str(value))
            walk(entry.get("children"), depth + 1)

    walk(data.get("lscpu") if isinstance(data, dict) else None, 0)
    return fields


def _plain_fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.splitlines()[:MAX_FIELDS]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _whole(fields: dict[str, str], name: str, found: Description) -> int | None:
    value = fields.get(name, "").strip()
    if value in ("", "-"):
        return None
    number = whole(value)
    if number is None or not 0 < number < 1 << 16:
        raise UnusableError(f"{found.source}: {name}: expected a number, found '{value[:40]}'")
    return number


def _counts(fields: dict[str, str], found: Description) -> None:
    sockets = _whole(fields, "Socket(s)", found)
    cores = _whole(fields, "Core(s) per socket", found)
    clusters, per_cluster = (
        _whole(fields, name, found) for name in ("Cluster(s)", "Core(s) per cluster")
    )
    if cores is None and clusters is not None and per_cluster is not None:
        sockets, cores = sockets or 1, clusters * per_cluster // (sockets or 1)
        what = f"{counted(clusters, 'cluster')} of {counted(per_cluster, 'core')}"
        found.notes.append(f"{what}: the model has no distance for clusters")
    threads = _whole(fields, "Thread(s) per core", found)
    total = _whole(fields, "CPU(s)", found)
    known = {"sockets": sockets, "cores": cores, "threads_per_core": threads, "cpus": total}
    found.counts = {name: n for name, n in known.items() if n is not None}


def _caches(fields: dict[str, str], found: Description) -> None:
    text = fields.get("L3 cache") or fields.get("L3", "")
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        if text:
            raise UnusableError(f"{found.source}: L3 cache: expected a size, found '{text[:40]}'")
        return
    size = float(match["n"].replace(",", ".")) * _SCALE[match["u"]]
    instances = int(match["i"]) if match["i"] else 0
    sockets = found.counts.get("sockets", 1)
    if instances:
        size /= instances
        if instances % sockets:
            found.notes.append(f"{instances} L3 caches do not divide into {sockets} sockets")
        found.counts["l3_per_socket"] = max(1, instances // sockets)
    found.l3_bytes = found.cache(size)


def _clocks(fields: dict[str, str], found: Description) -> None:
    for name in ("CPU max MHz", "CPU MHz"):
        text = fields.get(name, "").replace(",", ".")
        if found.most_hz is None and _MHZ.fullmatch(text):
            found.most_hz = found.clock(f"'{name}'", round(float(text)))
    rated = _GHZ.search(found.model)
    if rated:
        found.nominal_hz = found.clock("the model's clock", round(float(rated[1]) * 1000))
    bogus = fields.get("BogoMIPS", "")
    x86 = found.arch.startswith(("x86", "i"))  # twice the rated clock there, a timer's on Arm
    if found.nominal_hz is None and x86 and _MHZ.fullmatch(bogus):
        found.nominal_hz = found.clock("half of BogoMIPS", round(float(bogus) / 2))
