"""Conditions: one atomic load, both branches, cost to the picosecond."""

import pytest
from helpers import KERNEL_PS, LINE_PS, LOCAL_PS, MEMORY_PS, a_lab, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    ProgramError,
    clear_flag,
    count,
    remember,
    set_pte,
    unless,
    when,
)
from dessim.kernel.flags import FLAGS, flag_condition, flag_mask

YES, NO = count("touches"), count("pte_lost")
TAKEN = {True: "count touches", False: "count pte_lost"}
UNLOCKED, LOCKED = 0, lay.FLAG_LOCKED
GOOD = lay.FLAG_UPTODATE | lay.FLAG_OURS

TRUTH = [
    ("page.uptodate", GOOD, True),
    ("page.uptodate", lay.FLAG_OURS, False),
    ("page.uptodate", GOOD | LOCKED, True),
    ("page.unlocked", GOOD, True),
    ("page.unlocked", GOOD | LOCKED, False),
    ("page.unlocked", 0, True),
    ("page.unlocked_uptodate", GOOD, True),
    ("page.unlocked_uptodate", GOOD | LOCKED, False),
    ("page.unlocked_uptodate", lay.FLAG_OURS, False),
    ("page.unlocked_uptodate_no_readahead", GOOD, True),
    ("page.unlocked_uptodate_no_readahead", GOOD | LOCKED, False),
    ("page.unlocked_uptodate_no_readahead", GOOD | lay.FLAG_READAHEAD, False),
    ("page.ours", lay.FLAG_OURS, True),
    ("page.ours", lay.FLAG_UPTODATE, False),
    ("page.ours_uptodate", GOOD, True),
    ("page.ours_uptodate", GOOD | LOCKED, True),
    ("page.ours_uptodate", lay.FLAG_OURS, False),
    ("page.ours_uptodate", lay.FLAG_UPTODATE, False),
    ("page.readahead", GOOD | lay.FLAG_READAHEAD, True),
    ("page.readahead", GOOD, False),
    ("page.uptodate_no_readahead", GOOD, True),
    ("page.uptodate_no_readahead", GOOD | lay.FLAG_READAHEAD, False),
    ("page.uptodate_no_readahead", lay.FLAG_OURS, False),
]


@pytest.mark.parametrize(("condition", "flags", "holds"), TRUTH)
def test_when_flags_is_true_exactly_for_these_flags(condition, flags, holds):
    """A condition on the page's flags takes the branch of its name for one local load."""
    lab = a_lab(when(condition, YES, otherwise=(NO,)))
    lab.own_line(0, 0)
    lab.w[lab.page_at(0) + lay.P_FLAGS] = flags
    assert lab.go(0, 0) == LOCAL_PS["load"]
    assert lab.place(0) == TAKEN[holds]
    assert lab.page(0, lay.P_FLAGS) == flags


def test_when_flags_is_true_and_false_for_every_flag():
    """Every flag of the alphabet is tested alone or with others, in both branches."""
    asked = {(flag.name, holds) for name, _, holds in TRUTH for flag in FLAGS if asks(name, flag)}
    assert asked == {(flag.name, holds) for flag in FLAGS for holds in (True, False)}


def asks(condition, flag):
    """Return whether a condition asks for a flag."""
    return bool(flag_mask(condition)[0] & flag.bit)


def every_combination():
    """Yield each set of flags that a condition can ask for, and which of them are to be set."""
    for mask in range(1, 1 << len(FLAGS)):
        for want in range(mask + 1):
            if want & ~mask == 0:
                yield mask, want


def test_any_flags_make_a_condition():
    """Each combination has a name, the name means that combination, in any order of its words."""
    for mask, want in every_combination():
        name = flag_condition(mask, want)
        assert flag_mask(name) == (mask, want)
        step = when(name, YES)
        assert (step.op, step.a, step.b) == ("when_flags", mask, want)
    assert flag_mask("page.uptodate_unlocked") == flag_mask("page.unlocked_uptodate")


@pytest.mark.parametrize(
    "name",
    ["page.", "page.dirty", "page.uptodate_", "page.uptodate_no_uptodate", "pte.uptodate", "page"],
)
def test_what_is_no_flag_is_refused(name):
    """An unknown flag, one that is given twice, and anything else is no condition."""
    with pytest.raises(ProgramError, match=r"unknown condition .*; .*page\.\w+"):
        when(name, YES)


def test_clear_flag_takes_a_flag_by_its_name():
    """It clears that flag and sets none; another name is refused."""
    step = clear_flag("readahead")
    assert (step.op, step.a, step.b) == ("set_flags", lay.FLAG_READAHEAD, 0)
    with pytest.raises(ProgramError, match="unknown flag 'dirty'; flags: "):
        clear_flag("dirty")


def test_when_flags_loads_the_line_from_its_owner():
    """A flag in another core's cache costs a load of its modified line."""
    lab = a_lab(when("page.unlocked", YES), threads=9)
    lab.own_line(8, 0)
    one_hop = LINE_PS["load_modified"][3]
    assert lab.go(0, 0) == one_hop


def test_when_carries_the_work_around_it_in_both_branches():
    """Work on a condition is paid whichever way it goes, in its own category."""
    for flags in (GOOD, 0):
        lab = a_lab(when("page.ours", YES, otherwise=(NO,), cost="page_checks"))
        lab.own_line(0, 0)
        lab.w[lab.page_at(0) + lay.P_FLAGS] = flags
        assert lab.go(0, 0) == LOCAL_PS["load"] + KERNEL_PS["page_checks"]
        assert lab.spent(0, "map") == KERNEL_PS["page_checks"]
        assert lab.spent(0, "page_lines") == LOCAL_PS["load"]


@pytest.mark.parametrize("mapped", [True, False])
def test_when_pte_none_looks_at_the_cursors_pte(mapped):
    """The condition holds for an unmapped page; in one's own tables it costs one local load."""
    lab = a_lab(set_pte(), when("pte.none", YES, otherwise=(NO,)))
    lab.on_page(0, 4)
    now = lab.go(0, 0)
    if not mapped:
        lab.on_page(0, 5)
    assert lab.go(0, now) == now + LOCAL_PS["load"]
    assert lab.place(0) == TAKEN[not mapped]


def test_when_pte_none_in_shared_tables_fetches_the_line_of_the_ptes():
    """In a mapping that threads share, the first look costs a load from memory."""
    lab = a_lab(when("pte.none", YES), threads=2, workload=a_workload(mapping="shared"))
    assert lab.go(0, 0) == MEMORY_PS["local_ps"]


def test_when_table_missing_is_free_and_true_before_populate():
    """A table that nobody made is missing (populate is tested with the page steps)."""
    lab = a_lab(when("table.missing", YES, otherwise=(NO,)))
    assert lab.go(0, 3) == 3
    assert lab.place(0) == "count touches"


@pytest.mark.parametrize("holds", [True, False])
def test_when_gang_holds_knows_the_remembered_pages(holds):
    """The condition holds for pages in the local array only, and is free."""
    lab = a_lab(remember(), when("gang.holds", YES, otherwise=(NO,)), workload=a_workload(64))
    lab.on_page(0, 40)
    lab.go(0, 0)
    if not holds:
        lab.on_page(0, 8)  # the same bit of another word
    assert lab.go(0, 0) == 0
    assert lab.place(0) == TAKEN[holds]


@pytest.mark.parametrize("cursor", [3, 4])
def test_when_not_target_compares_cursor_and_faulting_page(cursor):
    """The condition holds on every page but the one that faulted, and is free."""
    lab = a_lab(when("not_target", YES, otherwise=(NO,)))
    lab.on_page(0, 3)
    lab.put(0, lay.T_CURSOR, cursor)
    assert lab.go(0, 11) == 11
    assert lab.place(0) == TAKEN[cursor != 3]


@pytest.mark.parametrize("flags", [GOOD, GOOD | LOCKED])
def test_unless_is_when_with_its_branches_exchanged(flags):
    """`unless` does its steps where `when` would not, with and without an alternative."""
    for step in (unless("page.unlocked", YES, otherwise=(NO,)), unless("page.unlocked", YES)):
        lab = a_lab(step)
        lab.w[lab.page_at(0) + lay.P_FLAGS] = flags
        lab.go(0, 0)
        if flags & LOCKED:
            assert lab.place(0) == "count touches"
        else:
            assert lab.place(0) in ("count pte_lost", "stop")
