"""Steps of litmus tests: loads, stores and exchanges of a page's number, and registers."""

import pytest
from helpers import a_lab

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    ProgramError,
    count,
    exchange_data,
    fence,
    load_data,
    store_data,
    when_loaded,
)
from dessim.kernel.operands import Data, data_of


def number(lab, page):
    """Return the number of a page."""
    return lab.page(page, lay.P_DATA)


def register(lab, which):
    """Return what task 0 has in a register."""
    return (lab.w[lab.w[lay.H_TASK] + lay.T_NOTED] >> 2 * which) & 3


def test_store_data_replaces_the_number_of_one_page():
    """Each page has a number of its own; storing takes no time."""
    lab = a_lab(store_data(3, 2))
    assert lab.go(0, 0) == 0
    assert (number(lab, 3), number(lab, 4)) == (2, 0)


def test_load_data_puts_the_number_into_a_register():
    """Each task has four registers; loading takes no time."""
    lab = a_lab(store_data(3, 2), load_data(3, 1), load_data(4, 0))
    now = 0
    for _ in range(3):
        now = lab.go(0, now)
    assert now == 0
    assert (register(lab, 0), register(lab, 1)) == (0, 2)


@pytest.mark.parametrize(("expected", "after"), [(1, 3), (2, 1)])
def test_exchange_data_stores_only_if_it_finds_what_it_expects(expected, after):
    """The number found is in the register either way."""
    lab = a_lab(store_data(0, 1), exchange_data(0, 2, 3, "full", expected))
    lab.go(0, 0)
    lab.go(0, 0)
    assert (number(lab, 0), register(lab, 2)) == (after, 1)


def test_exchange_data_that_expects_nothing_always_stores():
    """Without a number to compare with is xchg."""
    lab = a_lab(store_data(0, 1), exchange_data(0, 0, 2))
    lab.go(0, 0)
    lab.go(0, 0)
    assert (number(lab, 0), register(lab, 0)) == (2, 1)


@pytest.mark.parametrize(("wanted", "counter"), [(1, "touches"), (2, "pte_lost")])
def test_when_loaded_asks_a_register(wanted, counter):
    """Only the number that it asks for lets it go on."""
    branch = when_loaded(0, wanted, count("touches"), otherwise=(count("pte_lost"),))
    lab = a_lab(store_data(0, 1), load_data(0, 0), branch)
    for _ in range(4):
        lab.go(0, 0)
    assert lab.counter(counter) == 1


def test_an_operand_holds_all_of_it():
    """Order, register, number, and what is expected come back as they were put in."""
    data = Data(lay.IS_RMW_FULL, 3, 2, 1)
    assert data_of(data.operand) == data


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: fence("rwb"), "unknown fence 'rwb'"),
        (lambda: load_data(0, 0, "release"), "unknown order of a load 'release'"),
        (lambda: store_data(0, 0, "acquire"), "unknown order of a store 'acquire'"),
        (lambda: exchange_data(0, 0, 0, "weak"), "unknown order of an atomic 'weak'"),
    ],
)
def test_an_order_that_does_not_exist_is_refused(make, what):
    """The message names what was asked for, and lists what there is."""
    with pytest.raises(ProgramError, match=what):
        make()
