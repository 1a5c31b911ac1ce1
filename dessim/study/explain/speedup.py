"""Virtual speed-ups: how much of a cost is left, and the point with that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dessim.model import Point
from dessim.model.units import PPM, RATE, TIME
from dessim.model.vary import with_values
from dessim.study.explain.costs import UnknownCostError, check_name, kind_of, paths_for, value_of

FREE_PER_S = 4096 * 10**12 + 1
"""Bytes per second at which a page takes less than a picosecond."""
SLOWEST_PPM = -10 * PPM
"""A cost can be made eleven times as great at most."""


def sped_up(value: int, path: str, ppm: int) -> int:
    """Return a cost less a share of it, rounded to a whole unit.

    Parameters
    ----------
    value : int
        In the unit of the path; of a rate, what it costs is its inverse.
    path : str
    ppm : int, parts per million, at most 1,000,000
        Negative: more expensive instead of cheaper.
    """
    rest = PPM - ppm
    kind = kind_of(path.removeprefix("machine.")) if path.startswith("machine.") else TIME
    if kind is not RATE:
        return (value * rest + PPM // 2) // PPM
    return FREE_PER_S if rest == 0 else (value * PPM + rest // 2) // rest


def with_speedups(point: Point, speedups: Mapping[str, int] | Iterable[tuple[str, int]]) -> Point:
    """Return a point with some costs sped up; a cost that two names share is so twice.

    Parameters
    ----------
    point : Point
    speedups : name -> parts per million
    """
    items = speedups.items() if isinstance(speedups, Mapping) else speedups
    values: dict[str, int] = {}
    for name, ppm in items:
        for path in paths_for(name, point):
            values[path] = sped_up(values.get(path, value_of(point, path)), path, ppm)
    parts: dict[str, dict[str, int]] = {"machine": {}, "workload": {}}
    for path, value in values.items():
        part, _, rest = path.partition(".")
        parts[part][rest] = value
    return point.model_copy(
        update={
            "machine": with_values(point.machine, parts["machine"]),
            "workload": with_values(point.workload, parts["workload"]),
        }
    )


def read_speedup(text: str) -> tuple[str, int]:
    """Read `name=50%`.

    Returns
    -------
    name, parts per million

    Raises
    ------
    UnknownCostError
        If the name stands for nothing, or the share is not one.
    """
    name, equals, share = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise UnknownCostError(f"expected NAME=SHARE, such as line_remote=20%, found '{text}'")
    return check_name(name), read_share(share)


def read_share(share: str) -> int:
    """Read `20%`, parts per million.

    Raises
    ------
    UnknownCostError
        If it is not a percentage from -1000 % to 100 %.
    """
    number = share.strip().removesuffix("%").strip()
    try:
        ppm = round(float(number) * PPM / 100)
    except (ValueError, OverflowError):
        ppm = None
    if ppm is None or "%" not in share or not SLOWEST_PPM <= ppm <= PPM:
        raise UnknownCostError(
            f"expected a percentage from -1000% (more expensive) to 100% (free), found '{share}'"
        )
    return ppm
