"""Descriptions of machines: what lscpu, /sys, hwloc and numactl print; latencies of pairs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from dessim.cli.main import main
from dessim.host.hwloc import read_hwloc
from dessim.host.latency import latencies, placed, read_matrix
from dessim.host.lscpu import read_lscpu
from dessim.host.numactl import read_numactl
from dessim.host.sysfs import read_sysfs
from dessim.host.topology import Description, HostCpu, Shape, UnusableError, hops_of, shape_of
from dessim.model import load_machine

LSCPU = """\
Architecture:        x86_64
CPU(s):              16
Thread(s) per core:  2
Core(s) per socket:  4
Socket(s):           2
Vendor ID:           GenuineIntel
Model name:          Intel(R) Xeon(R) Gold 6242 CPU @ 2.80GHz
CPU max MHz:         3900.0000
L3 cache:            44 MiB (2 instances)
NUMA node0 CPU(s):   0-3,8-11
NUMA node1 CPU(s):   4-7,12-15
"""
NUMACTL = """\
available: 4 nodes (0-3)
node 0 cpus: 0 1
node 0 size: 16000 MB
node 1 cpus: 2 3
node 2 cpus: 4 5
node 3 cpus: 6 7
node distances:
node   0   1   2   3
  0:  10  16  22  16
  1:  16  10  16  22
  2:  22  16  10  16
  3:  16  22  16  10
"""


def pu(index: int) -> str:
    """Return a logical CPU of hwloc."""
    return f'<object type="PU" os_index="{index}"/>'


HWLOC = (
    """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0"><object type="Machine" os_index="0">
<info name="CPUModel" value="A hybrid"/>
<object type="Package" os_index="0"><object type="NUMANode" os_index="0"/>
<object type="L3Cache" cache_size="31457280">
"""
    + "".join(
        '<object type="L2Cache">'
        f'<object type="Core" os_index="{n}">{pu(2 * n)}{pu(2 * n + 1)}</object></object>'
        for n in range(2)
    )
    + f"""
<object type="L2Cache"><object type="Core">{pu(4)}</object>
<object type="Core">{pu(5)}</object></object>
</object></object></object>
<cpukind cpuset="0x0000000f" forced_efficiency="1"/>
<cpukind cpuset="0x00000030" forced_efficiency="0"/>
</topology>
"""
)


def test_plain_and_json_say_the_same() -> None:
    """Also nested, as newer versions print it."""
    fields = [line.partition(":")[::2] for line in LSCPU.splitlines()]
    flat = [{"field": f"{name}:", "data": value.strip()} for name, value in fields]
    nested = [flat[0] | {"children": [*flat[1:5], {"field": "x", "data": None}]}, *flat[5:]]
    plain = read_lscpu(LSCPU)
    assert read_lscpu(json.dumps({"lscpu": flat})) == plain
    assert read_lscpu(json.dumps({"lscpu": nested})) == plain
    assert shape_of(plain) == (Shape(2, 1, 4, 2), [])
    assert plain.l3_bytes == 22 << 20
    assert (plain.nominal_hz, plain.most_hz) == (2_800_000_000, 3_900_000_000)


def test_hwloc_knows_kinds_of_cores_and_clusters() -> None:
    """Only the fast cores are modelled, and both are said."""
    found = read_hwloc(HWLOC)
    assert [(c.cpu, c.core, c.kind) for c in found.cpus][3:] == [(3, found.cpus[2].core, 1)] + [
        (c.cpu, c.core, 0) for c in found.cpus[4:]
    ]
    shape, notes = shape_of(found)
    assert shape == Shape(1, 1, 2, 2)
    assert [note.split(":")[0] for note in notes] == [
        "clusters of 2 cores share an L2",
        "cores of 2 kinds",
    ]
    assert found.l3_bytes == 30 << 20


def test_distances_of_nodes_are_links() -> None:
    """The farthest of four nodes in a ring is two links away."""
    found = Description("x")
    read_numactl(NUMACTL, found)
    assert hops_of(found, 4) == ((0, 1, 2, 1), (1, 0, 1, 2), (2, 1, 0, 1), (1, 2, 1, 0))
    assert found.nodes[2] == [4, 5]


def test_sysfs_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    """Two L3 domains of two cores in a socket; of two kinds by their highest clocks."""
    for cpu in range(4):
        folder = tmp_path / "cpu" / f"cpu{cpu}"
        texts = {
            "topology/physical_package_id": "0",
            "topology/thread_siblings_list": str(cpu),
            "cache/index3/level": "3",
            "cache/index3/size": "16384K",
            "cache/index3/shared_cpu_list": "0-1" if cpu < 2 else "2-3",
            "cpufreq/cpuinfo_max_freq": "3500000",
        }
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{text}\n")
    (tmp_path / "cpu" / "online").write_text("0-3\n")
    found = read_sysfs(tmp_path, tmp_path)
    assert shape_of(found) == (Shape(1, 2, 2, 1), [])
    assert (found.l3_bytes, found.most_hz) == (16 << 20, 3_500_000_000)
    (tmp_path / "cpu/cpu3/cpufreq/cpuinfo_max_freq").write_text("2000000")
    assert {c.cpu: c.kind for c in read_sysfs(tmp_path, tmp_path).cpus} == {0: 1, 1: 1, 2: 1, 3: 0}
    with pytest.raises(UnusableError, match=r"online: missing: give --lscpu"):
        read_sysfs(tmp_path / "nowhere", tmp_path)


def matrix_of(cpus: list[HostCpu], ns: dict[str, float]) -> str:
    """Return a lower triangle in which each class has one latency."""
    from dessim.host.latency import class_of

    rows = [[ns[class_of(a, b, ())] for b in cpus[:i]] for i, a in enumerate(cpus)]
    return "\n".join(",".join([*map(str, row), *[""] * (len(cpus) - len(row))]) for row in rows)


NS = {"smt_sibling": 8.0, "same_l3": 48.0, "one_hop": 140.0}


def test_the_numbering_that_explains_the_matrix_is_found() -> None:
    """Siblings apart or in a row: what lscpu does not say, the latencies do."""
    found = read_lscpu(LSCPU.replace("NUMA", "x"))
    shape, _ = shape_of(found)
    for place in (lambda c: c // 2, lambda c: c % 8, lambda c: c % 2 * 4 + c % 8 // 2):
        cpus = [HostCpu(c, place(c) // 4, place(c) // 4, place(c)) for c in range(16)]
        matrix = read_matrix(matrix_of(cpus, NS), "m")
        chosen, why = placed(found, shape, matrix)
        assert [(c.socket, c.core) for c in chosen] == [(c.socket, c.core) for c in cpus]
        assert why.startswith("CPUs are numbered")
        result = latencies(matrix, chosen, ())
        assert {name: one.median for name, one in result.classes.items()} == NS
        assert result.explained == pytest.approx(1.0)


def test_the_home_of_the_lines_is_a_distance_where_the_matrix_shows_it() -> None:
    """Inside the socket that is not their home transfers take as long as between sockets."""
    cpus = [HostCpu(c, c // 8, c // 2, c) for c in range(16)]

    def ns(a: HostCpu, b: HostCpu) -> float:
        near = {True: 25.0, False: 130.0 if a.socket == 1 else 267.0}
        return near[a.l3 == b.l3] if a.socket == b.socket else 267.0

    rows = [",".join(str(ns(a, b)) for b in cpus[:i]) + "," for i, a in enumerate(cpus)]
    result = latencies(read_matrix("\n".join(rows), "m"), cpus, ())
    assert result.home == 1
    assert result.explained == pytest.approx(1.0)
    assert {name: one.median for name, one in result.classes.items()} == {
        "same_l3": 25.0,
        "same_socket": 130.0,
        "far_home": 267.0,
        "one_hop": 267.0,
    }
    alike = "\n".join(row.replace("267.0", "130.0") for row in rows)
    assert latencies(read_matrix(alike, "m"), cpus, ()).home is None


def test_classes_that_explain_little_say_so(tmp_path: Path) -> None:
    """Where each L3 domain adds a time of its own."""
    domains = 8
    cpus = [HostCpu(c, 0, c // 2, c) for c in range(2 * domains)]
    far = {0: 200.0, 1: 0.0}
    rows = [
        ",".join(
            str(20.0 if a.l3 == b.l3 else 60 + far[a.l3 % 2] + far[b.l3 % 2]) for b in cpus[:i]
        )
        for i, a in enumerate(cpus)
    ]
    (tmp_path / "m.csv").write_text("\n".join(rows).replace("\n", ",\n", 1) + "\n")
    text = LSCPU.replace("Core(s) per socket:  4", "Core(s) per socket:  16")
    text = text.replace("Socket(s):           2", "Socket(s):           1").replace("(2 i", "(8 i")
    text = (
        text.replace("core:  2", "core:  1")
        .replace("NUMA", "x")
        .replace("GenuineIntel", "AuthenticAMD")
        .replace("Intel(R) Xeon(R)", "EPYC")
    )
    (tmp_path / "l.txt").write_text(text)
    arguments = ["--lscpu", str(tmp_path / "l.txt"), "--latency", str(tmp_path / "m.csv")]
    out = tmp_path / "made.yaml"
    result = CliRunner().invoke(main, ["machine", "new", "made", *arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "the classes explain" in result.output
    assert "they differ" in result.output
    machine = load_machine(out)
    assert machine.topology.n_l3 == domains
    line = machine.provenance["cache_line.rmw_modified.same_socket"]
    assert line.tag == "measured"
    assert line.low == 60_000
    assert machine.provenance["cache_line.load_shared.same_socket"].tag == "estimated"
    assert machine.origins["kernel.rmap"] == "epyc-genoa-2s"
    again = CliRunner().invoke(main, ["machine", "new", "made", *arguments, "--out", str(out)])
    assert again.exit_code == 2
    assert "--force" in again.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Socket(s):           2", "Socket(s): 2" + "1" * 5000, "Socket(s): expected a number"),
        ("Socket(s):           2", "Socket(s): 0000000002" + "1" * 5000, "expected a number"),
        ("Socket(s):           2", "Socket(s): \u0662", "Socket(s): expected a number"),
        ("0-3,8-11", "0-3,4", "CPU 4 is in node 0 and in node 1"),
        ("0-3,8-11", "0-3,16", "node 0 has CPU 16, the machine's 16 CPUs have numbers up to 15"),
        ("0-3,8-11", "0-3,3", "'0-3,3' names a CPU twice"),
        ("0-3,8-11", "0-" + "1" * 5000, "is not a list of CPUs"),
        ("0-3,8-11", "0-\u0663", "is not a list of CPUs"),
        ("0-3,8-11", "1_0", "'1_0' is not a list of CPUs"),
    ],
)
def test_what_cannot_be_is_refused(old: str, new: str, said: str) -> None:
    """Numbers that no tool prints, and nodes that contradict each other or the machine."""
    with pytest.raises(UnusableError) as refusal:
        read_lscpu(LSCPU.replace(old, new))
    assert said in str(refusal.value)


def test_numbers_of_cpus_may_have_gaps() -> None:
    """As lists of CPUs say, where some are offline or lack."""
    lists = "On-line CPU(s) list: 0-3,8-11,20-27\n"
    text = lists + LSCPU.replace("4-7,12-15", "20-27")
    assert read_lscpu(text).nodes[1] == list(range(20, 28))
    with pytest.raises(UnusableError, match="node 1 has CPU 27"):
        read_lscpu(text.replace("20-27\n", "20-26\n", 1))


def test_nodes_of_numactl_are_those_of_the_machine() -> None:
    """A CPU is in one node, and there is such a CPU."""
    with pytest.raises(UnusableError, match="CPU 2 is in node 0 and in node 1"):
        read_numactl(NUMACTL.replace("0 cpus: 0 1", "0 cpus: 0 2"), Description("x"))
    with pytest.raises(UnusableError, match="node 2 has CPU 4, the machine's 4 CPUs"):
        read_numactl(NUMACTL, Description("x", counts={"cpus": 4}))


def test_nodes_that_share_all_their_cpus_are_emulated() -> None:
    """As numa=fake makes them: that is no contradiction."""
    read_numactl(NUMACTL.replace("0 cpus: 0 1", "0 cpus: 2 3"), Description("x"))


def test_numbers_with_gaps_are_those_that_lscpu_lists() -> None:
    """CPUs of a guest that has four of eight."""
    found = Description("x", counts={"cpus": 4}, numbers={0, 1, 2, 3, 4, 5, 6, 7})
    read_numactl(NUMACTL, found)
    assert len(found.nodes) == 4


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("44 MiB (2 i", "0 MiB (2 i", "an L3 of 0 bytes is impossible"),
        ("2.80GHz", "0.001GHz", "the model's clock of 1 MHz is impossible"),
        ("3900.0000", "999999.9", "'CPU max MHz' of 1,000,000 MHz is impossible"),
        ("3900.0000", "0.0", "'CPU max MHz' of 0 MHz is impossible"),
    ],
)
def test_impossible_numbers_count_as_not_given(old: str, new: str, note: str) -> None:
    """And are noted."""
    found = read_lscpu(LSCPU.replace(old, new))
    assert found.notes == [f"{note}, and is ignored"]
    assert None in (found.l3_bytes, found.nominal_hz, found.most_hz)


def test_hwloc_numbers_each_cpu_once() -> None:
    """Two of one number are two machines."""
    with pytest.raises(UnusableError, match="2 PUs have os_index 4"):
        read_hwloc(HWLOC.replace(pu(5), pu(4)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",\n1_0,\n", "m:2: cell 1: expected a time in ns, found '1_0'"),
        (",\n\u0663,\n", "expected a time in ns, found '\u0663'"),
        (",\n,\n", "no number in it"),
        (",\nten,\n", "m:2: cell 1: expected a time in ns, found 'ten'"),
        (",\n-3,\n", "expected a time in ns, found '-3'"),
        (",\nnan,\n", "found 'nan'"),
        ("1\n", "1 rows: expected one for each CPU"),
        (",,1\n3,,\n", "m:1: 3 cells in a table of 2 rows"),
    ],
)
def test_a_damaged_matrix_is_refused_at_its_place(text: str, said: str) -> None:
    """With the line, and what was expected."""
    with pytest.raises(UnusableError) as refusal:
        read_matrix(text, "m")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("command", "text"),
    [("--lscpu", LSCPU), ("--lscpu", json.dumps({"lscpu": []})), ("--hwloc", HWLOC)],
)
def test_damaged_descriptions_get_one_error_each(command: str, text: str, tmp_path: Path) -> None:
    """Whatever is cut, doubled or changed: a profile or one line, never a traceback."""
    draw = random.Random(7)
    path = tmp_path / "input"
    for turn in range(25):
        data = bytearray(text.encode())
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(data))
            kind = draw.randrange(3)
            if kind == 0:
                data[at] = draw.randrange(256)
            elif kind == 1:
                del data[at : at + draw.randrange(30)]
            else:
                data[at:at] = data[at : at + draw.randrange(30)]
        path.write_bytes(bytes(data))
        arguments = [
            "machine",
            "new",
            "m",
            command,
            str(path),
            "--out",
            str(tmp_path / f"{turn}.yaml"),
        ]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in (0, 2), (bytes(data), result.exception)
        if result.exit_code == 2:
            assert result.output.count("rror") >= 1
            assert "Traceback" not in result.output


def test_what_a_file_holds_is_quoted_so_that_it_prints() -> None:
    """A message may be about a character that steers a terminal."""
    with pytest.raises(UnusableError) as refusal:
        read_matrix(",\n\x1b[31m,\n", "m")
    assert refusal.value.message() == (
        "error: m:2: cell 1: expected a time in ns, found '\\x1b[31m'"
    )


def test_entities_are_refused() -> None:
    """A file of a kilobyte must not become one of a gigabyte."""
    with pytest.raises(UnusableError, match="entities"):
        read_hwloc('<!DOCTYPE t [<!ENTITY a "aaaa">]><topology>&a;</topology>')
