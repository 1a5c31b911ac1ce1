"""Shipped machine profiles: every number is explained and stays within its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dessim.model import Machine, find, load_machine, names
from dessim.model.fields import Model as ConfigModel
from dessim.model.fields import Unit, submodel, unit_of, yaml_key
from dessim.model.machine import left_out
from dessim.model.provenance import Provenance
from dessim.model.yaml_loader import read_document

MACHINES = names("machines")
EXPLAINED_ELSEWHERE = ("name", "description", "sources", "calibration")
NEEDS_A_REASON = ("derived", "estimated", "assumed")
LISTED = re.compile(r"^  (\w+): ", re.MULTILINE)


def numbers(model: ConfigModel, prefix: str = "") -> Iterator[tuple[str, Any, Unit | None]]:
    """Every value that a profile sets: dotted YAML path, canonical value, unit."""
    for name, field in type(model).model_fields.items():
        path = prefix + yaml_key(name)
        value = getattr(model, name)
        if field.exclude is True or path in EXPLAINED_ELSEWHERE:
            continue
        if submodel(field) is not None:
            yield from numbers(value, f"{path}.")
        elif name in model.model_fields_set:
            yield path, value, unit_of(field)


def named(machine: Machine) -> dict[str, Provenance]:
    """Where the numbers come from that a profile does not leave to dessim."""
    defaults = left_out(machine)
    return {path: item for path, item in machine.provenance.items() if path not in defaults}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each shipped profile."""
    return load_machine(request.param)


def test_the_measured_machines_and_a_hypothetical_one_are_shipped() -> None:
    """There is a profile of each machine whose costs were collected, and one beyond them."""
    assert {
        "epyc-genoa-2s",
        "graviton2-1s",
        "hypothetical-1024",
        "icelake-sp-2s",
        "ivybridge-ex-4s",
        "opteron-magny-cours-4s",
        "westmere-ex-8s",
    } <= set(MACHINES)


@pytest.mark.parametrize(
    ("name", "cpus", "cores", "l3_domains"),
    [
        ("epyc-genoa-2s", 96, 48, 16),
        ("graviton2-1s", 64, 64, 1),
        ("hypothetical-1024", 1024, 512, 64),
        ("icelake-sp-2s", 128, 64, 2),
        ("ivybridge-ex-4s", 120, 60, 4),
        ("opteron-magny-cours-4s", 48, 48, 8),
        ("westmere-ex-8s", 80, 80, 8),
    ],
)
def test_a_profile_has_as_many_cpus_as_its_machine(
    name: str, cpus: int, cores: int, l3_domains: int
) -> None:
    """CPUs, cores and L3 domains are those of the machine that the profile is named after."""
    topology = load_machine(name).topology
    assert (topology.n_cpus, topology.n_cores, topology.n_l3) == (cpus, cores, l3_domains)


def test_every_number_has_a_tag_and_a_listed_source(machine: Machine) -> None:
    """No number without how it is known and where from, the source being one of the file's keys."""
    for path, _, _ in numbers(machine):
        provenance = machine.provenance.get(path)
        assert provenance is not None, f"{path}: no tag and no source"
        assert provenance.tag is not None, f"{path}: no tag"
        assert provenance.source in machine.sources, f"{path}: source {provenance.source!r}"


def test_a_number_that_does_not_stand_in_its_source_says_how_it_was_reached(
    machine: Machine,
) -> None:
    """Derived, estimated and assumed numbers have a note or, at least, a range."""
    for path, value, unit in numbers(machine):
        provenance = machine.provenance[path]
        if provenance.tag in NEEDS_A_REASON and unit is not None and value:
            assert provenance.note or provenance.low is not None, path


def test_only_profiles_that_tell_of_their_calibration_have_fitted_numbers(
    machine: Machine,
) -> None:
    """Profiles from the literature predict; one that was tuned to a table says so in its name."""
    fitted = [path for path, item in machine.provenance.items() if item.tag == "fitted"]
    assert bool(fitted) == (machine.calibration is not None)
    assert bool(fitted) == machine.name.endswith("-fitted")


def test_a_range_contains_its_value(machine: Machine) -> None:
    """The plausible range of a number includes the number, and is in the number's unit."""
    ranges = 0
    for path, value, _ in numbers(machine):
        provenance = machine.provenance[path]
        if provenance.low is None or provenance.high is None:
            continue
        ranges += 1
        assert provenance.low <= value <= provenance.high, path
        assert provenance.low < provenance.high, f"{path}: a range of one value says nothing"
    assert ranges > 30


def test_what_was_guessed_has_a_range(machine: Machine) -> None:
    """An assumed cost of the kernel or of user work says how wrong it may be."""
    for path, item in named(machine).items():
        if item.tag == "assumed" and path.startswith(("kernel.", "user.")):
            assert item.low is not None, path


@pytest.mark.parametrize("name", MACHINES)
def test_every_source_that_is_listed_is_used(name: str) -> None:
    """A reference at the end of a file is named by some number above it, and once only.

    Those of its base come on top: the base's file is judged by itself.
    """
    path = find("machines", name)
    document, _ = read_document(path)
    own, base = document.get(("sources",)), document.get(("base",))
    inherited = load_machine(base).sources if base is not None else {}
    assert load_machine(name).sources == inherited | own
    body, _, listed = path.read_text(encoding="utf-8").partition("\nsources:\n")
    keys = LISTED.findall(listed.partition("\ncalibration:")[0])
    assert len(keys) == len(set(keys))
    assert set(keys) == set(own)
    unused = [key for key in keys if not re.search(rf"\b{key}\b", body)]
    assert unused == []


def test_costs_grow_with_distance(machine: Machine) -> None:
    """In a profile, no line and no memory is cheaper to reach because it is farther away."""
    line, memory = machine.cache_line, machine.memory
    for name in ("load_modified", "store_modified", "rmw_modified"):
        row = getattr(line, name)
        assert row.same_l3_ps <= row.same_socket_ps <= row.one_hop_ps <= row.two_hops_ps, name
        assert row.same_l3_ps > line.local_rmw_ps, name
    assert memory.local_ps <= memory.one_hop_ps <= memory.two_hops_ps
    assert line.l3_hit_ps < memory.local_ps


def test_a_page_is_cheaper_from_l3_than_from_memory(machine: Machine) -> None:
    """Followers of a sweep read faster than its leader, and bandwidth allows the leader's speed."""
    user = machine.user
    assert user.read_page_l3_ps < user.read_page_dram_ps
    one_page_ps = 4096 * 10**12 // machine.memory.bandwidth_per_socket_bytes_per_s
    assert one_page_ps < user.read_page_dram_ps


def test_the_hypothetical_machine_claims_no_measurement() -> None:
    """Nothing about a machine that does not exist can have been read or measured."""
    machine = load_machine("hypothetical-1024")
    assert {item.tag for item in named(machine).values()} == {"assumed", "derived", "estimated"}
    socket = machine.topology.hops[0]
    assert (socket.count(1), socket.count(2)) == (3, 4)
