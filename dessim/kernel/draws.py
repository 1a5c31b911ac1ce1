"""Random draws as pure integer functions of (key, task, purpose, index).

No generator state: the n-th draw of a task for a purpose is the same in every engine and under
every scheme (common random numbers by construction).

Source
------
Philox2x32-10: Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC'11,
doi 10.1145/2063384.2063405 (multiplier and Weyl constants from table 2).

Factors of a step's own work, one for nearly every step: the upper bits of a linear congruential
generator modulo 2**32, Press, Teukolsky, Vetterling, Flannery, *Numerical Recipes in C*, 2nd ed.,
section 7.1 (multiplier and increment; every 32-bit word is in its one cycle).
"""

from dessim.kernel.addressing import cost_ps
from dessim.kernel.layout import *

MASK_32 = 0xFFFFFFFF
PHILOX_MULTIPLIER = 0xD256D193
PHILOX_WEYL = 0x9E3779B9
WORK_MULTIPLIER, WORK_INCREMENT = 1664525, 1013904223


def philox(key: int, low: int, high: int) -> int:
    """Return 32 random bits for a 32-bit key and a 64-bit counter given as two halves."""
    for _ in range(10):
        product = PHILOX_MULTIPLIER * low
        low = ((product >> 32) & MASK_32) ^ key ^ high
        high = product & MASK_32
        key = (key + PHILOX_WEYL) & MASK_32
    return low


def draw_at(w: World, task: int, purpose: int, index: int) -> int:
    """Return the 32-bit draw number ``index`` of a task for a purpose."""
    return philox(w[H_KEY], index & MASK_32, (index >> 32) << 20 | task << 4 | purpose)


def shuffled(key: int, place: int, size: int, bits: int) -> int:
    """Return where the element at a place goes when ``size`` elements are shuffled.

    Addition of a constant, multiplication by an odd one and x ^ x >> s are one to one on words of
    so many bits. A place beyond the end goes round again until it is inside: less than once in the
    mean (*cycle walking*: Black, Rogaway, *Ciphers with arbitrary finite domains*, CT-RSA 2002).

    Parameters
    ----------
    key : int, 32 bits
        Each is an order of its own.
    place, size : int
        ``place < size <= 1 << bits``.
    bits : int, 1..32
    """
    mask = (1 << bits) - 1
    half = (bits + 1) >> 1
    while True:
        place = (place + key & mask) * PHILOX_MULTIPLIER & mask
        place ^= place >> half
        place = (place + (key >> 7) & mask) * PHILOX_WEYL & mask
        place ^= place >> half
        place = place * WORK_MULTIPLIER & mask
        place ^= place >> half
        if place < size:
            return place


def draw_block(w: World, block: int, task: int, purpose: int, first: int) -> None:
    """Write a block of draws that follow each other: a vector unit makes several at once."""
    key = w[H_KEY]
    high = task << 4 | purpose
    for lane in range(DRAWN_AHEAD):
        w[block + lane] = philox(key, first + lane, high)


def draw(w: World, task: int, purpose: int) -> int:
    """Return the task's next 32-bit draw for a purpose; after 2**32 draws they begin again.

    A draw is a chain of thirty operations, and the time of the task's next event waits for it. A
    block of them is made at once when the one before is used up.
    """
    place = w[H_TASK] + task * T_WORDS + T_DRAW + purpose
    index = w[place]
    lane = index & (DRAWN_AHEAD - 1)
    block = w[H_DRAWN] + (task * N_COUNTED_DRAWS + purpose) * DRAWN_AHEAD
    if lane == 0:
        draw_block(w, block, task, purpose, index)
    w[place] = (index + 1) & MASK_32
    return w[block + lane]


def scaled(w: World, table: int, bits: int, mean_ps: int) -> int:
    """Return ``mean_ps`` times the quantile of a table at the 32-bit fraction ``bits``.

    Linear between knots. The last of the 4,096 coarse intervals has a table of its own, so that the
    tail reaches a probability of 1/4,096**2.
    """
    base = w[H_QUANTILES] + table * QUANTILE_WORDS
    knot = bits >> 20
    rest = bits & 0xFFFFF
    if knot == 4095:
        base += QUANTILE_KNOTS
        knot = rest >> 8
        rest = (rest & 0xFF) << 12
    low = w[base + knot]
    ratio = low + (((w[base + knot + 1] - low) * rest) >> 20)
    return (mean_ps * ratio) >> 16


def next_factor(w: World, t: int) -> None:
    """Go on to the task's next factor of own work.

    The sequence restarts, by philox, with each fault: it is the same under every scheme, however
    many steps the fault before it had.
    """
    w[t + T_WORK] = (w[t + T_WORK] * WORK_MULTIPLIER + WORK_INCREMENT) & MASK_32


def varied(w: World, bits: int, mean_ps: int) -> int:
    """Return a time around its mean: times the factor that the upper of 32 bits choose, rounded."""
    factor = w[w[H_WORK] + (bits >> WORK_SHIFT)]
    return (mean_ps * factor + (1 << (QUANTILE_SHIFT - 1))) >> QUANTILE_SHIFT


def own_work_ps(w: World, t: int, i: int) -> int:
    """Return ps of an instruction's own work, with the factor at which its task stands."""
    ps = cost_ps(w, t, w[i + I_COST])
    return varied(w, w[t + T_WORK], ps) if w[i + I_VARIES] else ps
