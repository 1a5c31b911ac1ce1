"""The programs in C take their names and numbers from dessim's tables, and stay short."""

import re

import pytest

from benchmarks import c_programs, c_table, setups
from dessim.kernel import cost_table
from dessim.kernel import layout as lay

MOST_LINES = {"fault_path.c": 580, "machine.h": 410, "lock_loop.c": 190, "common.h": 250}
"""A twin by hand is kept as short as a result that is equal to the last picosecond allows."""
needs_cc = pytest.mark.skipif(c_programs.compiler() is None, reason="no C compiler")


def text(name: str) -> str:
    """Source of a program in C."""
    return (c_programs.SOURCES / name).read_text(encoding="utf-8")


def test_every_file_in_c_has_a_bound() -> None:
    """A further file does not hide what one of them grew by."""
    assert {path.name for path in c_programs.SOURCES.iterdir()} == set(MOST_LINES)


@pytest.mark.parametrize(("name", "most"), MOST_LINES.items())
def test_a_program_in_c_is_short(name: str, most: int) -> None:
    """No more lines than its bound, none of them longer than 100 characters."""
    lines = text(name).splitlines()
    assert len(lines) <= most
    assert max(map(len, lines)) <= 100


def test_the_header_is_dessims_tables() -> None:
    """Constants and names, in order, are those of the World."""
    header = c_table.header()
    constants = dict(re.findall(r"^    (\w+) = (-?\d+),$", header, re.MULTILINE))
    assert constants["TABLE_PAGES"] == str(lay.TABLE_PAGES)
    assert constants["ASLEEP"] == str(lay.ASLEEP)
    [costs] = re.findall(r"^#define COSTS\(X\) (.*)$", header, re.MULTILINE)
    assert costs == " ".join(f"X({name})" for name in cost_table.COSTS)


@pytest.mark.parametrize("name", MOST_LINES)
def test_no_constant_of_the_world_is_spelled_again(name: str) -> None:
    """What the header says is not said once more in C."""
    known = "|".join((*c_table.CONSTANTS, "ARBITER_SCAN"))
    assert re.findall(rf"#define (?:{known})\b|\b(?:{known}) = ", text(name)) == []


@needs_cc
@pytest.mark.parametrize("lost", ["X(rmap)", "X(trylock_lost)", "X(mmap_lock)", "X(EVICT)"])
def test_a_name_that_leaves_the_tables_does_not_compile(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cost, counter, category or word that is renamed in dessim is noticed in C."""
    header = c_table.header()
    assert lost in header
    monkeypatch.setattr(c_programs, "header", lambda: header.replace(lost, ""))
    with pytest.raises(RuntimeError, match=lost[2:-1]):
        c_programs.build.__wrapped__("fault_path", "MASKS=1", "MAX_L3=4")


@needs_cc
def test_the_program_still_builds_after_one_that_did_not() -> None:
    """Each build writes the header anew."""
    machine = setups.machine()
    assert c_programs.build.__wrapped__("fault_path", f"MAX_L3={machine.topology.n_l3}").exists()
