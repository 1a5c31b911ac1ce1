"""Places of bits in a word.

A processor has an instruction for each of these, which the translator uses
(``engines.translate.expressions``); what they mean is here.
"""

WORD_BITS = 64


def lowest_bit(bits: int) -> int:
    """Return the place of the lowest bit that is set, or 64 if none is."""
    place = 0
    while place < WORD_BITS and (bits >> place) & 1 == 0:
        place += 1
    return place


def highest_bit(number: int) -> int:
    """Return the place of the highest bit that is set in a number from 0 on; -1 if none is."""
    place = -1
    step = WORD_BITS // 2
    while step:
        if number >> step:
            place += step
            number >>= step
        step >>= 1
    return place + number
