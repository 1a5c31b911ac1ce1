"""Places of bits in a word, in Python and as machine code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dessim.engines import objects
from dessim.engines.translate.module import translate
from dessim.kernel.bits import highest_bit, lowest_bit
from dessim.kernel.layout import World

NUMBERS = st.integers(0, (1 << 63) - 1) | st.integers(0, 62).map(lambda place: 1 << place)


def both(w: World, number: int) -> int:
    """Store the places of both bits of a number."""
    w[0] = lowest_bit(number)
    w[1] = highest_bit(number)
    return 0


@pytest.fixture(scope="module")
def compiled():
    """Return ``both`` as machine code."""
    code = objects.emit(translate([both], name="bits"))
    return objects.Loaded(code, {"both": (True, False)}).functions["both"]


@given(NUMBERS)
def test_the_highest_bit_is_that_of_the_length(number):
    """One below Python's own length in bits; -1 for 0."""
    assert highest_bit(number) == number.bit_length() - 1


@given(NUMBERS)
def test_the_lowest_bit_is_what_is_left_of_a_carry(number):
    """A number and its negative share that bit alone; 64 for 0."""
    assert lowest_bit(number) == ((number & -number).bit_length() - 1 if number else 64)


@given(NUMBERS)
def test_an_instruction_does_what_the_function_says(compiled, number):
    """What the translator writes instead agrees with the functions."""
    w = np.zeros(2, dtype=np.int64)
    compiled(w, number)
    assert w.tolist() == [lowest_bit(number), highest_bit(number)]


def test_a_negative_number_has_a_lowest_bit(compiled):
    """The sign is a bit like the others."""
    w = np.zeros(2, dtype=np.int64)
    compiled(w, -(1 << 63))
    assert w[0] == lowest_bit(-(1 << 63)) == 63
