import pytest
from helpers import a_machine, a_workload

from dessim.model.machine import Machine
from dessim.model.vary import field_of, paths_of, value_at, with_values


def test_every_leaf_of_a_machine_can_be_read() -> None:
    """Each dotted path leads to a value, and to the field that holds it."""
    machine = a_machine()
    paths = paths_of(Machine)
    assert {"kernel.rmap", "cache_line.rmw_modified.one_hop", "tlb.page_walk"} <= set(paths)
    for path in paths:
        value_at(machine, path)
        assert field_of(Machine, path) is not None


def test_changed_values_are_where_they_were_put_and_nowhere_else() -> None:
    """Two leaves change, all others and the machine itself stay as they were."""
    machine = a_machine()
    new = {"kernel.rmap": 1, "cache_line.rmw_modified.one_hop": 2, "name": "other"}
    other = with_values(machine, new)
    for path in paths_of(Machine):
        assert value_at(other, path) == new.get(path, value_at(machine, path)), path
    assert value_at(machine, "kernel.rmap") == a_machine().kernel.rmap_ps
    assert with_values(machine, {}) == machine


@pytest.mark.parametrize("path", ["speed", "kernel.speed", "name.first"])
def test_a_path_that_leads_nowhere_is_an_error(path) -> None:
    """The path is named."""
    with pytest.raises(KeyError):
        field_of(Machine, path)
    with pytest.raises(KeyError):
        with_values(a_workload(), {"speed": 1})
