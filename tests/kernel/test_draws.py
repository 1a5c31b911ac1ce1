"""Random draws: the published generator, uniform, and quantile tables that are right."""

import numpy as np
import pytest
from helpers import a_lab, a_lock_loop, a_machine, lock_loop_setup
from scipy import stats

from dessim.kernel import layout as lay
from dessim.kernel import quantiles
from dessim.kernel.draws import draw, draw_at, philox, scaled, shuffled
from dessim.kernel.world import build_world


def philox_2x32_10(key, counter):
    """Return both words of Philox2x32-10, in unsigned 32-bit arithmetic, as in the paper."""
    left, right = np.uint32(counter[0]), np.uint32(counter[1])
    key = np.uint32(key)
    with np.errstate(over="ignore"):
        for i in range(10):
            if i:
                key = key + np.uint32(0x9E3779B9)
            product = np.uint64(0xD256D193) * np.uint64(left)
            high = np.uint32(product >> np.uint64(32))
            low = np.uint32(product & np.uint64(2**32 - 1))
            left, right = high ^ key ^ right, low
    return int(left), int(right)


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        (0, (0, 0), (0xFF1DAE59, 0x6CD10DF2)),
        (0xFFFFFFFF, (0xFFFFFFFF, 0xFFFFFFFF), (0x2C3F628B, 0xAB4FD7AD)),
        (0x13198A2E, (0x243F6A88, 0x85A308D3), (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_philox_gives_the_published_answers(key, counter, expected):
    """The known-answer vectors of Random123 for philox2x32 with ten rounds hold."""
    assert philox_2x32_10(key, counter) == expected
    assert philox(key, *counter) == expected[0]


def test_philox_agrees_with_unsigned_arithmetic():
    """Signed integers of any width give the same bits as the paper's unsigned words."""
    words = np.random.default_rng(1).integers(0, 2**32, size=(500, 3))
    for key, low, high in words.tolist():
        assert philox(key, low, high) == philox_2x32_10(key, (low, high))[0]


def test_draws_are_uniform():
    """The draws of one task are uniform on 32 bits (Kolmogorov-Smirnov, and each bit by itself)."""
    lab = a_lab()
    bits = np.array([draw(lab.w, 0, lay.DRAW_THINK) for _ in range(20_000)])
    assert bits.min() >= 0
    assert bits.max() < 2**32
    assert stats.kstest(bits / 2**32, "uniform").pvalue > 1e-3
    for bit in range(32):
        ones = int((bits >> bit & 1).sum())
        assert abs(ones - 10_000) < 4.5 * 5_000**0.5


def test_draws_of_different_tasks_purposes_and_indices_are_different():
    """No two of (task, purpose, index) share a counter, also beyond 32 bits of index."""
    lab = a_lab(threads=16)
    keys = [
        (task, purpose, index)
        for task in (0, 1, 15, 4095)
        for purpose in range(6)
        for index in (0, 1, 2**20, 2**32 - 1, 2**32, 2**33 + 1)
    ]
    assert len({draw_at(lab.w, *key) for key in keys}) == len(keys)


def test_draw_counts_and_draw_at_does_not():
    """The n-th counted draw is the draw at index n; purposes are counted apart."""
    lab = a_lab()
    drawn = [draw(lab.w, 0, lay.DRAW_HOLD) for _ in range(3)]
    assert drawn == [draw_at(lab.w, 0, lay.DRAW_HOLD, i) for i in range(3)]
    assert draw(lab.w, 0, lay.DRAW_THINK) == draw_at(lab.w, 0, lay.DRAW_THINK, 0)


@pytest.mark.parametrize("index", [1, 2**31 - 1, 2**32 - 2])
def test_a_draw_is_a_function_of_its_number(index):
    """However many a task has drawn, the next is the draw at its index: also beyond 31 bits."""
    lab = a_lab()
    lab.go_to_draw(0, lay.DRAW_HOLD, index)
    drawn = [draw(lab.w, 0, lay.DRAW_HOLD) for _ in range(3)]
    at = [draw_at(lab.w, 0, lay.DRAW_HOLD, (index + i) % 2**32) for i in range(3)]
    assert drawn == at


def test_replications_and_seeds_have_keys_of_their_own():
    """Every (seed, replication) draws from another stream."""
    keys = set()
    for replication in range(4):
        setup = lock_loop_setup(a_lock_loop(), 1, replication=replication)
        keys.add(int(build_world(setup)[lay.H_KEY]))
    assert len(keys) == 4
    assert all(0 <= key < 2**32 for key in keys)


DISTRIBUTIONS = {
    "exponential": (quantiles.exponential, stats.expon()),
    "lognormal 10 %": (
        lambda: quantiles.lognormal(100_000),
        stats.lognorm(s := np.sqrt(np.log1p(0.01)), scale=np.exp(-(s**2) / 2)),
    ),
    "lognormal 100 %": (
        lambda: quantiles.lognormal(1_000_000),
        stats.lognorm(s := np.sqrt(np.log1p(1.0)), scale=np.exp(-(s**2) / 2)),
    ),
}


def table_of(name):
    """Return a World of which quantile table 0 is that of a distribution, and the distribution."""
    make, distribution = DISTRIBUTIONS[name]
    lab = a_lab()
    base = lab.w[lay.H_QUANTILES]
    lab.w[base : base + lay.QUANTILE_WORDS] = make()
    return lab.w, distribution


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_quantile_table_has_mean_one(name):
    """Averaged over all draws, a scaled draw is its mean: within 0.01 %."""
    w, _ = table_of(name)
    mean = 10**9
    body = np.mean([scaled(w, 0, i << 20 | 1 << 19, mean) for i in range(4095)])
    tail = np.mean([scaled(w, 0, 4095 << 20 | i << 8 | 128, mean) for i in range(4096)])
    assert (4095 * body + tail) / 4096 == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_scaled_draws_are_the_quantiles_of_the_distribution(name):
    """From the 1st to the 99.999th percentile, a scaled draw is scipy's quantile within 0.3 %."""
    w, distribution = table_of(name)
    for p in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999):
        expected = 10**9 * distribution.ppf(p)
        assert scaled(w, 0, int(p * 2**32), 10**9) == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_scaled_draws_rise_with_their_bits(name):
    """A larger fraction never gives a smaller value, also where the two halves of a table meet."""
    w, _ = table_of(name)
    seam = 4095 << 20
    bits = sorted({*range(0, 2**32, 104_729 * 257), *range(seam - 9, seam + 9), 2**32 - 1, 0})
    values = [scaled(w, 0, b, 10**9) for b in bits]
    assert values == sorted(values)


def test_a_page_read_without_variation_is_its_mean():
    """With a coefficient of variation of 0, every draw gives exactly the mean."""
    lab = a_lab(machine=a_machine(user={"read_page_cv_ppm": 0}))
    for bits in (0, 1, 2**31, 2**32 - 1):
        assert scaled(lab.w, lay.QUANTILES_READ, bits, 12_345) == 12_345


@pytest.mark.parametrize("size", [2, 3, 7, 8, 40, 513, 1024])
def test_shuffled_takes_each_place_once(size):
    """Every key is an order of all places."""
    bits = (size - 1).bit_length()
    for key in (0, 1, 0x12345678, 0xFFFFFFFF):
        order = [shuffled(key, place, size, bits) for place in range(size)]
        assert sorted(order) == list(range(size))


def test_shuffled_places_are_uniform_and_leave_no_neighbours_together():
    """Over many keys each place goes anywhere, and the next one anywhere else."""
    size, keys = 100, [philox(7, i, 0) for i in range(3_000)]
    orders = np.array([[shuffled(key, i, size, 7) for i in range(size)] for key in keys])
    for place in (0, 1, 50, 99):
        assert stats.chisquare(np.bincount(orders[:, place], minlength=size)).pvalue > 1e-4
    follows = np.mean(np.diff(orders, axis=1) == 1)
    assert follows == pytest.approx(1 / size, rel=0.5)
