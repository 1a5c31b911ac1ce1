"""Numbers as people read them: three digits, a prefix, a unit, and how sure they are."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from dessim.measure.statistics.typical import resolved
from dessim.metrics import BY_NAME, NS, SECONDS, Metric

UNKNOWN = "–"  # noqa: RUF001 - a dash that cannot be read as a sign
NO_INTERVAL = "±?"
"""Next to a number that runs give, but whose interval they do not support."""
LOPSIDED_SHARE, LOPSIDED_RATIO = 1 / 3, 0.02
"""How far the ends of an interval may lie from those that a ± says: of its half-width, and of the
number. What is further off is printed as an interval."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def three_digits(x: float) -> str:
    """A number of any size with three significant digits and no exponent below a thousand."""
    if abs(x) >= 99.95 or x == 0:
        return f"{x:.0f}"
    return f"{x:.1f}" if abs(x) >= 9.995 else f"{x:.2f}"


def plain_number(x: float, *, raised: bool = False) -> str:
    """A number at an axis; powers of ten far from 1 as `1e-6`, or raised: `10⁻⁶`."""
    power = round(math.log10(x)) if x > 0 else 0
    if not 1e-3 <= x < 1e5 and power and math.isclose(x, 10.0**power):
        return "10" + str(power).translate(_SUPERSCRIPTS) if raised else f"1e{power}"
    return f"{x:g}"


def _scaled(x: float, units: tuple[tuple[float, str], ...]) -> str:
    for size, unit in units:
        if abs(x) >= 0.9995 * size:
            return f"{three_digits(x / size)}{unit}"
    return f"{three_digits(x / units[-1][0])}{units[-1][1]}"


def amount(x: float) -> str:
    """A count or a rate: `1.23M`."""
    return _scaled(x, _PREFIXES)


def duration_ns(x: float) -> str:
    """A time given in ns: `1.23us`."""
    return _scaled(x, _TIMES)


def duration_s(x: float) -> str:
    """A time given in s: `1.23s`."""
    return duration_ns(x * 1e9)


def form_of(metric: Metric) -> Callable[[float], str]:
    """How a metric's numbers are written: its unit decides."""
    return {NS: duration_ns, SECONDS: duration_s}.get(metric.unit, amount)


def form_of_name(name: str) -> Callable[[float], str]:
    """The same for a name from stored results, which may know metrics that are gone."""
    return form_of(BY_NAME[name]) if name in BY_NAME else amount


def percent(x: float) -> str:
    """A ratio as a signed percentage: `+12%`."""
    return f"{x * 100:+.0f}%" if abs(x) >= 0.0995 else f"{x * 100:+.1f}%"


def plus_minus(estimate: dict[str, Any]) -> str:
    """Half-width of an interval relative to its centre: `±2%`; nothing without an interval.

    Below 1 % it says just that: quantiles come from buckets of that width.
    """
    mean, ci95 = estimate["mean"], estimate["ci95"]
    if ci95 is None or not mean:
        return ""
    relative = (ci95[1] - ci95[0]) / 2 / abs(mean)
    return "±<1%" if relative < 0.01 else f"±{relative * 100:.0f}%"


def interval(ci95: Sequence[float], form: Callable[[float], str], mean_text: str = "") -> str:
    """Both ends of an interval: `[1.20us, 3.40us]`.

    Parameters
    ----------
    ci95 : sequence of float, shape (2,)
    form : callable
    mean_text : str
        The number before it, as text: a unit that all three have is not said again.
    """
    ends = [form(end) for end in ci95]
    units = {text.lstrip("-0123456789.") for text in (*ends, mean_text)}
    if mean_text and len(units) == 1 and (unit := units.pop()).isalpha():
        ends = [end.removesuffix(unit) for end in ends]
    return f"[{ends[0]}, {ends[1]}]"


def is_lopsided(mean: float, ci95: Sequence[float]) -> bool:
    """Whether a ± would put the ends of an interval where they are not, or say over 100 %."""
    off = abs(ci95[0] + ci95[1] - 2 * mean) / 2
    half = (ci95[1] - ci95[0]) / 2
    if half > abs(mean):
        return True
    return off > LOPSIDED_SHARE * half and off > LOPSIDED_RATIO * abs(mean)


def estimate_text(
    estimate: dict[str, Any] | None, form: Callable[[float], str], *, alike: bool = True
) -> str:
    """A number and how sure it is, in as few words as are true.

    Parameters
    ----------
    estimate : dict or None
        As results hold it.
    form : callable
    alike : bool
        Whether the runs are of one kind: the number of two kinds never gets a ±.

    Returns
    -------
    str
        `1.23us ±2%`; `1.23us [1.20, 1.90]` where the ends are not alike; the interval alone where
        it goes further than a factor of four; `1.23us ±?` where there is no interval, and that is
        no matter of too few replications; a dash where there is no number.
    """
    if estimate is None or estimate["mean"] is None:
        return UNKNOWN
    mean, ci95 = estimate["mean"], estimate["ci95"]
    text = form(mean)
    if ci95 is None:
        many = estimate.get("n", 1) > 1 and estimate.get("reason")
        return f"{text} {NO_INTERVAL}" if many else text
    if min(mean, *ci95) > 0 and not resolved(mean, (ci95[0], ci95[1])):
        return interval(ci95, form)
    if alike and not is_lopsided(mean, ci95):
        return f"{text} {plus_minus(estimate)}".strip()
    return f"{text} {interval(ci95, form, text)}"


def threads_word(n: int) -> str:
    """`1 thread`, `8 threads`."""
    return f"{n} thread" if n == 1 else f"{n} threads"


LOCK_LOOP = "lock loop"


def is_lock_loop(point: dict[str, Any]) -> bool:
    """Whether threads take one lock in turn: a point counts turns, and no scheme takes part."""
    return bool(point.get("time_share", {}).get("think"))


def scheme_of(point: dict[str, Any]) -> str:
    """Scheme of a point with its options: `name` or `name+option`, `name option=3`."""
    if is_lock_loop(point):
        return LOCK_LOOP
    words = [point["scheme"]]
    for key, value in point.get("scheme_options", {}).items():
        if value is True:
            words.append(f"+{key}")
        else:
            words.append(f" {key}={str(value).lower()}")
    return "".join(words)
