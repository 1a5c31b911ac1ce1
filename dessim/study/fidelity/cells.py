"""Cells of a measured table: how they are named, chosen, and turned into points to simulate.

A cell is named `workload:threads:order`, with `@scheme` behind it where the scheme is not the usual
one: the kernel without the patch at order 0, the patch at any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dessim import registry
from dessim.model import ConfigError, Experiment, Point, SchemeChoice, load_workload, resolve
from dessim.model.author import our_workload, usual_author
from dessim.model.errors import Place, Problem, Source, suggest
from dessim.model.growth import first_bytes
from dessim.model.locate import is_path, names, unknown_name
from dessim.model.profile import Cell
from dessim.model.published import Key
from dessim.model.units import SIZE, parse_quantity
from dessim.model.workload import MAX_THREADS, PAGE_BYTES, Workload

FULL = "full"
PAGES_PER_TABLE = 512
CELL_BYTES = 64 << 20
"""How much of a file a cell simulates where the experiment leaves it to `simulate: auto`."""
CELL_WINDOWS = 128
"""Windows of a mapping that a cell of sequential reads simulates at least: so long threads need to
form the convoys that make them lose trylocks (docs/fidelity.md)."""
DIFFERENCE_BYTES = {"sequential": 32 << 20, "one_per_table": 256 << 20, "random": 4 << 20}
"""The same where only relative differences between two machines matter, by a workload's access."""
_NUMBERS = re.compile(r"(\*|\d{1,6}(,\d{1,6})*)?\Z")


def usual_scheme(order: int) -> str:
    """Scheme of a cell whose name does not give it."""
    return usual_author().scheme_at(order)


def cell_name(key: Key) -> str:
    """Name of a cell: `sequential-read:8:3`."""
    workload, scheme, threads, order = key
    name = f"{workload}:{threads}:{order}"
    return name if scheme == usual_scheme(order) else f"{name}@{scheme}"


def key_of(point: Point) -> Key:
    """The cell that a point simulates."""
    return (point.workload.name, point.scheme.name, point.threads, point.fault_around_order)


@dataclass(frozen=True)
class Choice:
    """`WORKLOAD[:THREADS[:ORDERS]]`: lists with commas; `*` or nothing is all.

    Attributes
    ----------
    workload : str
        Or `*`.
    threads, orders : tuple of int
        Empty for all.
    """

    workload: str
    threads: tuple[int, ...]
    orders: tuple[int, ...]

    def takes(self, key: Key) -> bool:
        """Whether a cell is meant."""
        return (
            self.workload in ("*", key[0])
            and (not self.threads or key[2] in self.threads)
            and (not self.orders or key[3] in self.orders)
        )


def refuse(option: str, text: str) -> ConfigError:
    """An error at an option of the command line."""
    return ConfigError([Problem(Place(Source(option)), text)])


def read_choice(text: str, option: str) -> Choice:
    """Read a choice of cells; the baseline is order 0.

    Raises
    ------
    ConfigError
        If it is none.
    """
    workload, _, rest = text.partition(":")
    threads, _, orders = rest.partition(":")
    orders = orders.replace(usual_author().baseline, "0")
    if not workload or not _NUMBERS.match(threads) or not _NUMBERS.match(orders):
        raise refuse(
            option,
            f"'{text[:80]}' does not choose cells: expected WORKLOAD[:THREADS[:ORDERS]],"
            " such as sequential-read:1,8:0,4",
        )
    return Choice(our_workload(workload), _numbers(threads), _numbers(orders))


def _numbers(text: str) -> tuple[int, ...]:
    return () if text in ("", "*") else tuple(int(word) for word in text.split(","))


def chosen(texts: Sequence[str], keys: Iterable[Key], option: str) -> list[Key]:
    """The cells of a table that were chosen, in the table's order; all if nothing was.

    Raises
    ------
    ConfigError
        If a choice cannot be read, or matches no cell.
    """
    known = list(keys)
    choices = [(text, read_choice(text, option)) for text in texts]
    for text, choice in choices:
        if not any(choice.takes(key) for key in known):
            workloads = list(dict.fromkeys(key[0] for key in known))
            hint = (
                f"; {suggest(choice.workload, workloads, plural='workloads')}"
                if choice.workload not in (*workloads, "*")
                else ""
            )
            raise refuse(option, f"no cell of the table matches '{text[:80]}'{hint}")
    if not choices:
        return known
    return [key for key in known if any(choice.takes(key) for _, choice in choices)]


def spelled_out(texts: Sequence[str], option: str) -> list[Key]:
    """The cells that choices name one by one: nothing needs to be measured there.

    Raises
    ------
    ConfigError
        If a choice leaves anything open.
    """
    keys: dict[Key, None] = {}
    for text in texts:
        choice = read_choice(text, option)
        if choice.workload == "*" or not choice.threads or not choice.orders:
            raise refuse(option, f"'{text[:80]}' does not say which cells: name all three parts")
        for threads in choice.threads:
            for order in choice.orders:
                keys[choice.workload, usual_scheme(order), threads, order] = None
    return list(keys)


def points_of(
    keys: Iterable[Key],
    experiment: Experiment,
    places: Mapping[Key, Place] | None = None,
    random_bytes: int | None = CELL_BYTES,
    *,
    grow: bool = False,
) -> list[Point]:
    """A point for each cell.

    It is the experiment's own point where there is one; else one like those of the same workload;
    else, of a workload that the experiment does not know, one like its first.

    Parameters
    ----------
    keys : iterable of Key
    experiment : Experiment
    places : dict, optional
        Where the cells stand, if in a table.
    random_bytes : int or None
        How much of a file that is read at random is simulated where the experiment leaves it to
        `simulate: auto`. None: all of it.
    grow : bool
        Whether other points of `simulate: auto` grow until two sizes agree; a comparison of
        machines needs one size.

    Raises
    ------
    ConfigError
        With every cell that has no such workload or scheme, or an impossible number of threads or
        order.
    """
    templates: dict[object, Point] = {}
    for asked in resolve(experiment):
        grows = grow and asked.workload.access != "random"
        point = asked if grows else of_a_size(asked, random_bytes)
        templates.setdefault(key_of(point), point)
        templates.setdefault(point.workload.name, point)
        templates.setdefault(None, point)
    points: list[Point] = []
    problems: list[Problem] = []
    for key in keys:
        try:
            points.append(_point(key, templates, experiment))
        except ConfigError as error:  # of a workload's file: it names its own place
            problems += error.problems
        except ValueError as error:
            place = (places or {}).get(key, Place(Source(cell_name(key))))
            problems.append(Problem(place, str(error)))
    if problems:
        raise ConfigError(problems)
    return points


def of_a_size(point: Point, random_bytes: int | None = CELL_BYTES) -> Point:
    """Return a point of `simulate: auto` with one size: cells of all machines have the same.

    A calibration compares machines, whose numbers must come from as much of the file; so a size
    cannot be left to what the runs of each say. It is 64 MiB of pages, 256 MiB with windows of 512
    pages, or the first size of page tables; `--simulate` chooses another.

    Random reads of a part have fewer faults in excess than those of the whole: with 8 threads at
    order 5 some 70,000 faults instead of 87,456, because much of a part is mapped while the later
    threads catch up with the first (``docs/fidelity.md``).
    """
    if point.simulate_cap_bytes is None:
        return point
    access = point.workload.access
    size: int | None = CELL_BYTES
    if access == "sequential":
        size = max(CELL_BYTES, CELL_WINDOWS * PAGE_BYTES << point.fault_around_order)
    elif access == "one_per_table":
        size = first_bytes(point.workload)
    elif access == "random":
        size = random_bytes
    part = None if size is None or size >= point.workload.file_size_bytes else size
    return point.model_copy(update={"simulate_bytes": part, "simulate_cap_bytes": None})


def once_in_full(point: Point) -> Point:
    """Return a point of random reads of the whole file with one replication: it says what six do.

    Each of its threads reads 134 million words.
    """
    if point.workload.access != "random" or point.simulate_bytes is not None:
        return point
    return point.model_copy(update={"replications": 1})


def for_differences(point: Point) -> Point:
    """Return a point as small as a comparison of two machines needs it.

    Under common random numbers the relative difference of two machines hardly depends on the size,
    and one replication of each says it.
    """
    size = DIFFERENCE_BYTES[point.workload.access]
    part = min(size, point.simulate_bytes or point.workload.file_size_bytes)
    changed = {"simulate_bytes": part, "simulate_cap_bytes": None, "replications": 1}
    if part >= point.workload.file_size_bytes:
        changed["simulate_bytes"] = None
    return point.model_copy(update=changed)


def _point(key: Key, templates: Mapping[object, Point], experiment: Experiment) -> Point:
    own = templates.get(key)
    if own is not None:
        return own
    workload, scheme, threads, order = key
    if not 1 <= threads <= MAX_THREADS or not 0 <= order <= 9:
        raise ValueError(f"threads must be 1 to {MAX_THREADS}, the order 0 to 9")
    registry.load(scheme)  # here, where its place is known
    like = templates.get(workload) or templates[None]
    known = like.workload if workload in templates else _workload(workload, experiment)
    whole = workload not in templates  # the experiment says nothing about it
    return like.model_copy(
        update={
            "workload": known.model_copy(update={"threads": threads}),
            "scheme": SchemeChoice(name=scheme),
            "threads": threads,
            "fault_around_order": order,
            "simulate_bytes": None if whole else like.simulate_bytes,
            "simulate_cap_bytes": None if whole else like.simulate_cap_bytes,
            "parameters": {},
        }
    )


def _workload(name: str, experiment: Experiment) -> Workload:
    """A workload that the experiment does not name, with what `--set workload.…` gives to all."""
    if not is_path("workloads", name) and name not in names("workloads"):
        raise ValueError(unknown_name("workloads", name))
    found = load_workload(name)
    if found.kind != "faults":
        raise ValueError(f"workload '{found.name}' reads no file, so it has no page faults")
    references, document = experiment._references, experiment._document
    if document is None or not any(path[0] == "workload" for path in references.settings):
        return found
    path = str(Path(name).absolute()) if is_path("workloads", name) else name
    changed, problems = references.workload(Cell(path, Place(Source(name))), document, {})
    if changed is None:
        raise ConfigError(problems)
    return changed  # type: ignore[no-any-return]


def simulating(points: Sequence[Point], texts: Sequence[str]) -> list[Point]:
    """Points that simulate another part of their file.

    Parameters
    ----------
    points : sequence of Point
    texts : sequence of str
        `SIZE` or `WORKLOAD=SIZE`; a size is `64MiB` or `full`. Later ones count.

    Raises
    ------
    ConfigError
        If a size is wrong, or a workload is not among the points.
    """
    sizes: dict[str, int | None] = {}
    known = list(dict.fromkeys(point.workload.name for point in points))
    for text in texts:
        workload, equals, size = text.rpartition("=")
        workload = our_workload(workload)
        if equals and workload not in known:
            hint = suggest(workload, known, plural="workloads")
            raise refuse("--simulate", f"no point has workload '{workload[:80]}'; {hint}")
        bytes_ = _size(size)
        sizes |= dict.fromkeys([workload] if equals else known, bytes_)
    return [_simulating(p, sizes) if p.workload.name in sizes else p for p in points]


def _size(text: str) -> int | None:
    if text == FULL:
        return None
    try:
        size = parse_quantity(text, SIZE)
    except ValueError as error:
        raise refuse("--simulate", str(error)) from None
    if size < PAGE_BYTES or size % PAGE_BYTES:
        raise refuse("--simulate", f"'{text}' is not a multiple of 4KiB")
    return size


def _simulating(point: Point, sizes: Mapping[str, int | None]) -> Point:
    size = sizes[point.workload.name]
    if size is not None and size >= point.workload.file_size_bytes:
        size = None
    parameters = {k: v for k, v in point.parameters.items() if k != "simulate"}
    changed = {"simulate_bytes": size, "simulate_cap_bytes": None, "parameters": parameters}
    return point.model_copy(update=changed)


def ideal_faults(point: Point) -> float:
    """Minor faults of the whole file if no page of a window were ever left out.

    One per window that is touched, and per thread where each has a mapping of its own. Words drawn
    at random hit a window of n with probability 1 - (1 - 1/n)^draws.
    """
    work = point.workload
    pages = work.file_size_bytes // PAGE_BYTES
    if work.access == "one_per_table":
        windows = float(-(-pages // PAGES_PER_TABLE))
    else:
        windows = float(-(-pages // (1 << point.fault_around_order)))
    if work.access == "random":
        windows *= 1 - (1 - 1 / windows) ** (pages * work.touches_per_page)
    return windows * (1 if work.mapping == "shared" else point.threads)
