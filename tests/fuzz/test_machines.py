"""Whatever tools say of a machine: it becomes a profile, or is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from mutants import EDITS, edited, quick_and_thorough, refused_or_done

from dessim.host.hwloc import read_hwloc
from dessim.host.latency import read_matrix
from dessim.host.lscpu import read_lscpu
from dessim.host.new_profile import new_profile
from dessim.host.numactl import read_numactl
from dessim.host.sysfs import read_sysfs
from dessim.host.topology import Description
from dessim.model import load_machine

FIELDS = {
    "Architecture": "x86_64",
    "CPU(s)": "4",
    "Thread(s) per core": "2",
    "Core(s) per socket": "1",
    "Socket(s)": "2",
    "Vendor ID": "GenuineIntel",
    "Model name": "Intel(R) Xeon(R) Gold 6242 CPU @ 2.80GHz",
    "CPU max MHz": "3900.0000",
    "L3 cache": "44 MiB (2 instances)",
    "NUMA node0 CPU(s)": "0,2",
    "NUMA node1 CPU(s)": "1,3",
}
PACKAGE = (
    '<object type="Package" os_index="{0}"><object type="NUMANode" os_index="{0}"/>'
    '<object type="L3Cache" cache_size="31457280"><object type="L2Cache"><object type="Core">'
    '<object type="PU" os_index="{0}"/><object type="PU" os_index="{1}"/>'
    "</object></object></object></object>"
)
TEXTS = {
    "lscpu": "".join(f"{name}: {value}\n" for name, value in FIELDS.items()),
    "lscpu -J": json.dumps({"lscpu": [{"field": f"{k}:", "data": v} for k, v in FIELDS.items()]}),
    "hwloc": '<?xml version="1.0"?>\n<topology version="2.0"><object type="Machine">'
    f"{PACKAGE.format(0, 2)}{PACKAGE.format(1, 3)}</object>"
    '<cpukind cpuset="0x0000000f" forced_efficiency="1"/></topology>',
    "numactl": "available: 2 nodes (0-1)\nnode 0 cpus: 0 2\nnode 0 size: 16 MB\n"
    "node 1 cpus: 1 3\nnode distances:\nnode   0   1\n  0:  10  21\n  1:  21  10\n",
    "latency": ",,,\n130.5,,,\n8,131,,\n129,8.5,130,\n",
}
SYSFS = {
    "cpu/online": "0-3",
    "node/has_cpu": "0-1",
    "node/node0/cpulist": "0,2",
    "node/node0/distance": "10 21",
    "node/node1/cpulist": "1,3",
    "node/node1/distance": "21 10",
    "cpuinfo": "model name\t: Intel(R) Xeon(R)\n",
} | {
    f"cpu/cpu{cpu}/{name}": text
    for cpu in range(4)
    for name, text in {
        "topology/physical_package_id": str(cpu % 2),
        "topology/thread_siblings_list": f"{cpu % 2},{cpu % 2 + 2}",
        "cache/index3/level": "3",
        "cache/index3/size": "16384K",
        "cache/index3/shared_cpu_list": f"{cpu % 2},{cpu % 2 + 2}",
        "cpufreq/cpuinfo_max_freq": "3500000",
        "cpufreq/base_frequency": "2500000",
    }.items()
}


def profiled(texts: Mapping[str, str], found: Description) -> None:
    """Make a profile of what was found, and load it as it is written."""
    if "numactl" in texts:
        read_numactl(texts["numactl"], found)
    matrix = read_matrix(texts["latency"], "m.csv") if "latency" in texts else None
    made = new_profile("mine", found, matrix, "m.csv", "icelake-sp-2s")
    Path("mine.yaml").write_text(made.draft.text())
    assert load_machine("mine.yaml").topology.n_cpus == made.shape.n_cpus


@pytest.fixture
def whole() -> dict[str, str]:
    """What is mutated, by name."""
    return dict(TEXTS)


@quick_and_thorough(st.tuples(st.sampled_from(sorted(TEXTS)), EDITS), 60, 2_000)
def _descriptions(whole: dict[str, str], drawn: Any) -> None:
    """Mutated output of lscpu, hwloc and numactl, and mutated matrices of latencies."""
    name, edits = drawn
    text = edited(whole[name].encode(), edits).decode(errors="replace")
    given = {"numactl": whole["numactl"], "latency": whole["latency"]} | {name: text}

    def attempt() -> None:
        form = name if name not in ("numactl", "latency") else "lscpu"
        read = read_hwloc if form == "hwloc" else read_lscpu
        profiled(given, read(given.get(form, whole[form])))

    refused_or_done(attempt)


test_quick_descriptions, test_thorough_descriptions = _descriptions


@quick_and_thorough(st.tuples(st.sampled_from(sorted(SYSFS)), EDITS), 40, 1_000)
def _sysfs(whole: dict[str, str], drawn: Any) -> None:
    """A /sys with a mutated file, as in a container that shows a part of it."""
    for name, text in SYSFS.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"{text}\n")
    name, edits = drawn
    Path(name).write_bytes(edited(SYSFS[name].encode() + b"\n", edits))
    refused_or_done(lambda: profiled({}, read_sysfs(Path(), Path())))


test_quick_sysfs, test_thorough_sysfs = _sysfs
