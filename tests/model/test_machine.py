"""Machines: shipped profiles, sources of numbers, defaults, equality."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dessim.model import Machine, load_machine, names
from dessim.model.fields import walk, yaml_form

VALID = Path(__file__).parent / "valid"
LACKING = ("smt_sibling", "same_socket", "far_home", "one_hop", "two_hops", "page_size")
"""Distances that a machine may not have, or that are another one's cost; a page is 4 KiB."""


@pytest.mark.parametrize("name", names("machines"))
def test_a_shipped_profile_gives_the_source_of_every_cost(name: str) -> None:
    """Every cost that is set has a tag, a source or a note, and its source is listed."""
    machine = load_machine(name)
    for path in walk(Machine):
        if path[0] not in ("cache_line", "memory", "locks", "kernel", "user", "clock", "smt"):
            continue
        provenance = machine.provenance.get(".".join(path))
        if provenance is None:
            assert path[-1] in LACKING, path
            continue
        assert provenance.tag is not None, path
        assert provenance.source or provenance.note, path
        if provenance.source and provenance.source.isupper():
            assert provenance.source in machine.sources, path


@pytest.mark.parametrize("name", names("machines"))
def test_a_shipped_profile_is_named_like_its_file(name: str) -> None:
    """A result's machine column finds the profile again."""
    assert load_machine(name).name == name


def test_the_long_form_keeps_the_value_and_its_source() -> None:
    """{value, tag, source, range, note} is the value to the model, the rest is kept next to it."""
    machine = load_machine(VALID / "machine-two-sockets.yaml")
    assert machine.cache_line.hold_ps == 20_000
    hold = machine.provenance["cache_line.hold"]
    assert (hold.tag, hold.source, hold.note) == ("assumed", None, "a guess")
    assert (hold.low, hold.high) == (0, 100_000)
    assert machine.topology.sockets == 2
    assert machine.provenance["topology.sockets"].source == "A"
    assert machine.sources == {"A": "A. Author, A Title, 2014"}


def test_the_share_of_siblings_may_be_a_flag() -> None:
    """Profiles of a time when it was one mean all or nothing; it is stored as a share."""
    file = VALID / "machine-two-sockets.yaml"
    assert "coalesce: true" in file.read_text(encoding="utf-8")
    assert load_machine(file).cache_line.coalesce_ppm == 1_000_000
    line = load_machine(file).cache_line
    assert type(line)(**{**dict(line), "coalesce_ppm": False}).coalesce_ppm == 0
    assert yaml_form(line)["coalesce"] == "100%"


def test_counts_follow_from_the_topology() -> None:
    """CPUs are sockets x L3 domains x cores x siblings."""
    topology = load_machine(VALID / "machine-two-sockets.yaml").topology
    assert (topology.n_l3, topology.n_cores, topology.n_cpus) == (4, 8, 16)
    assert topology.hops == ((0, 2), (2, 0))


def test_sockets_are_one_hop_apart_by_default() -> None:
    """Without `hops` every other socket is one link away."""
    hops = load_machine("ivybridge-ex-4s").topology.hops
    assert hops == ((0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0))


def test_a_distance_that_the_machine_has_not_got_takes_the_nearest_smaller() -> None:
    """Left-out distances are never zero, so that a mistaken use does not look free."""
    distances = load_machine(VALID / "machine-small.yaml").cache_line.load_modified
    assert distances.smt_sibling_ps == distances.two_hops_ps == 40_000
    two = load_machine("ivybridge-ex-4s").cache_line.load_modified
    assert two.same_socket_ps == two.same_l3_ps == 42_000
    assert two.two_hops_ps == two.one_hop_ps == 125_000


def test_python_code_gives_integers_in_the_attributes_unit() -> None:
    """An integer below an attribute's own name is in the unit of that name; text has its own."""
    machine = load_machine(VALID / "machine-small.yaml")
    line = machine.cache_line.model_dump() | {"hold_ps": 7, "l3_hit_ps": "1.5ns"}
    changed = Machine.model_validate({**machine.model_dump(), "cache_line": line})
    assert (changed.cache_line.hold_ps, changed.cache_line.l3_hit_ps) == (7, 1_500)


def test_sources_do_not_make_machines_different() -> None:
    """Two machines are equal, and hash alike, when nothing that changes a result differs."""
    machine = load_machine("ivybridge-ex-4s")
    quiet = machine.model_copy(update={"sources": {}, "provenance": {}, "description": ""})
    assert quiet == machine
    assert hash(quiet) == hash(machine)
    line = machine.cache_line.model_copy(update={"hold_ps": 1})
    assert machine.model_copy(update={"cache_line": line}) != machine
    slow = machine.model_copy(
        update={"smt": machine.smt.model_copy(update={"user_slowdown_ppm": 1})}
    )
    assert slow != machine


def test_a_machine_survives_pickling_and_cannot_be_changed() -> None:
    """Workers get the same machine, and nobody can edit it in between."""
    machine = load_machine("ivybridge-ex-4s")
    assert pickle.loads(pickle.dumps(machine)) == machine
    with pytest.raises(ValueError, match="frozen"):
        machine.kernel.rmap_ps = 3  # type: ignore[misc]  # that is the point
