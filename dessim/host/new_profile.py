"""From descriptions of a machine to a profile of it: topology as found, latencies as measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dessim.errors import UserError
from dessim.files.names import unfit_in_name
from dessim.host.latency import LITTLE, Matrix, PairLatencies, latencies, placed
from dessim.host.topology import Description, Shape, UnusableError, hops_of, shape_of
from dessim.host.writing import Draft, Entry
from dessim.model import ConfigError, Machine, load_machine, names
from dessim.model.bases import stands_on, with_bases
from dessim.model.errors import Source
from dessim.model.locate import is_path
from dessim.model.profile import profile
from dessim.model.units import shorten
from dessim.model.vary import value_at
from dessim.model.yaml_loader import parse_document

NO_CLOCK = "no clock is named: it comes from the base"
MAX_NAME = 100
ROWS = ("load_modified", "load_shared", "store_modified", "store_shared", "rmw_shared")
"""Rows of the profile that a ping-pong of compare-and-swaps does not measure."""
BY_VENDOR = (
    ("GenuineIntel", "icelake-sp-2s"),
    ("Intel", "icelake-sp-2s"),
    ("AuthenticAMD", "epyc-genoa-2s"),
    ("AMD", "epyc-genoa-2s"),
    ("ARM", "graviton2-1s"),
    ("aarch64", "graviton2-1s"),
    ("x86_64", "icelake-sp-2s"),
)
"""Part of a vendor or architecture -> the modern profile whose software costs are nearest."""


@dataclass
class NewProfile:
    """A profile and what was found on the way.

    Attributes
    ----------
    draft : Draft
    shape : Shape
    latencies : PairLatencies or None
    notes : list of str
    skipped : list of str
        Profiles that could have been the base if they could be read, and why they cannot.
    """

    draft: Draft
    shape: Shape
    latencies: PairLatencies | None
    notes: list[str]
    skipped: list[str]


def new_profile(
    name: str,
    found: Description,
    matrix: Matrix | None,
    matrix_source: str,
    base: str | None,
    place: Path | None = None,
) -> NewProfile:
    """Build a profile.

    Parameters
    ----------
    name : str
    found : Description
    matrix : list of list of float or None
        PairLatencies of all pairs of CPUs, ns.
    matrix_source : str
        Where it comes from.
    base : str or None
        None: the profile nearest to the machine that has the distances it needs.
    place : pathlib.Path or None
        Where it will be written: no base may stand on it.

    Raises
    ------
    UnusableError
        If the descriptions contradict each other or no base fits.
    ConfigError
        If the named base lacks what this machine needs.
    """
    shape, notes = shape_of(found)
    notes += _not_given(found)
    hops = hops_of(found, shape.sockets)
    classes = None
    if matrix is not None:
        cpus, numbering = placed(found, shape, matrix)
        notes += [numbering] if numbering else []
        if any(cpu.kind == 1 for cpu in cpus) and not found.cpus:  # recognised by the numbering
            fast = [cpu for cpu in cpus if cpu.kind == 1]
            notes = [note for note in notes if "cores of two kinds" not in note]
            shape, more = shape_of(Description(found.source, cpus=cpus))
            notes += [*more, f"{len(fast)} CPUs have a sibling: the others are slower cores"]
        classes = latencies(matrix, cpus, hops)
        notes += _explained(classes)
    problem: UserError | None = None
    candidates = _Candidates(name, found, base, place)
    for links in dict.fromkeys((hops, ())):
        for candidate, machine in candidates.machines():
            draft = _draft(name, found, shape, links, classes, matrix_source, machine, candidate)
            if links != hops:
                notes.append("sockets two links apart count as one link: no base has their costs")
            draft.notes = [f"Note: {note}." for note in notes]
            try:
                check(draft)
            except ConfigError as error:
                problem = problem or error
                continue
            return NewProfile(draft, shape, classes, notes, list(candidates.skipped.values()))
    raise problem or UnusableError(f"no profile can be the base of '{name}': give --base")


def check(draft: Draft) -> Machine:
    """Load a draft as it will be written.

    Raises
    ------
    ConfigError
        With what it lacks.
    """
    text = draft.text()
    document, problems = parse_document(text, Source(draft.name, tuple(text.split("\n"))))
    prepared = profile(with_bases(document, Path()))
    machine, more = prepared.machine()
    if machine is None or problems:
        raise ConfigError([*problems, *more])
    return machine


class _Candidates:
    """Profiles that can be the base of one.

    Parameters
    ----------
    name : str
        Of the new profile, which cannot stand on itself.
    found : Description
    base : str or None
        The only candidate.
    place : pathlib.Path or None
        Of the new profile.
    """

    def __init__(self, name: str, found: Description, base: str | None, place: Path | None) -> None:
        self._name, self._base, self._place = name, base, place
        self._names = [base] if base else _near(found)
        self.skipped: dict[str, str] = {}

    def machines(self) -> Iterator[tuple[str, Machine]]:
        """Yield those that can be read, the nearest first.

        Raises
        ------
        UserError
            If the only one cannot be read, or is the new profile itself.
        """
        for candidate in self._names:
            try:
                machine = load_machine(candidate)
            except UserError as error:
                if self._base:
                    raise
                self.skipped[candidate] = str(error).partition("\n")[0]
                continue
            if machine.name == self._name:
                why = f"'{self._name}' is the name of its base: give another NAME or --base"
            elif self._place and stands_on(candidate, self._place.parent, self._place):
                why = f"base '{candidate}' stands on {self._place} itself: give another --base"
            else:
                yield candidate, machine
                continue
            if self._base:
                raise UnusableError(why)


def _near(found: Description) -> list[str]:
    words = f"{found.vendor} {found.model} {found.arch}".lower()
    known = names("machines")
    near = [name for part, name in BY_VENDOR if part.lower() in words and name in known]
    return list(dict.fromkeys([*near, *(n for n in known if not n.endswith("-fitted"))]))


def _explained(found: PairLatencies) -> list[str]:
    notes = []
    if found.home is not None:
        notes.append(
            f"lines of the matrix lie on socket {found.home}, as it shows: inside another socket"
            " a transfer passes through the home, which is the distance far_home"
        )
    if len(found.classes) < 2 or found.explained >= LITTLE:
        return notes
    text = (
        f"the classes explain {found.explained:.0%} of the variance of the matrix: little. A"
        " median covers very different times; the ranges show how different"
    )
    if found.with_ends - found.explained > 0.15:
        text += (
            f". With a time for each L3 domain it is {found.with_ends:.0%}: they differ, but the"
            f" model has one time for a whole socket"
        )
    return [*notes, text]


def _draft(
    name: str,
    found: Description,
    shape: Shape,
    hops: Sequence[Sequence[int]],
    classes: PairLatencies | None,
    matrix_source: str,
    base: Machine,
    reference: str,
) -> Draft:
    model = found.model or found.arch or "a machine"
    virtual = " in a virtual machine" if found.hypervisor else ""
    draft = Draft(name, reference, f"{model}{virtual}, {shape.n_cpus} CPUs; costs of {reference}.")
    draft.sources[draft.host] = f"{found.source}: {model}{virtual}"
    _topology(draft, found, shape, hops)
    _clock(draft, found)
    if classes is not None:
        draft.sources[draft.pairs] = (
            f"{matrix_source}: one-way compare-and-swap ping-pong of all pairs"
        )
        _lines(draft, classes, base)
    return draft


def _topology(
    draft: Draft, found: Description, shape: Shape, hops: Sequence[Sequence[int]]
) -> None:
    for key in ("sockets", "l3_per_socket", "cores_per_l3", "threads_per_core"):
        draft.entries.append(Entry(f"topology.{key}", getattr(shape, key), "read", draft.host))
    if hops:
        note = "distances of the NUMA nodes: the nearest others are one link away"
        value = [list(row) for row in hops]
        draft.entries.append(Entry("topology.hops", value, "derived", draft.host, note))
    if found.l3_bytes:
        note = "as advertised; a guest has less of a shared L3" if found.hypervisor else ""
        draft.entries.append(Entry("topology.l3_size", found.l3_bytes, "read", draft.host, note))


def _clock(draft: Draft, found: Description) -> None:
    nominal = found.nominal_hz or found.most_hz
    if nominal is None:
        return
    most = max(found.most_hz or nominal, nominal)
    entries = draft.entries
    entries.append(Entry("clock.nominal", nominal, "read", draft.host))
    known = found.most_hz is not None
    note = "" if known else "no highest clock is named: nominal"
    tag: str = "read" if known else "estimated"
    entries.append(Entry("clock.one_core", most, tag, draft.host, note))  # type: ignore[arg-type]
    note = "somewhere from nominal to highest clock: nominal" if most > nominal else "as one core"
    entries.append(Entry("clock.all_cores", nominal, "estimated", draft.host, note, nominal, most))


def _lines(draft: Draft, classes: PairLatencies, base: Machine) -> None:
    for name, one in classes.classes.items():
        text = f"median of {one.pairs} pairs; range: 5 to 95 % of them"
        ends = (round(one.low * 1000), round(one.high * 1000))
        value, path = round(one.median * 1000), f"cache_line.rmw_modified.{name}"
        draft.entries.append(Entry(path, value, "measured", draft.pairs, text, *ends))
        own = value_at(base, path)
        for row in ROWS:
            other = f"cache_line.{row}.{name}"
            scaled = [round(ps * value_at(base, other) / own) for ps in (value, *ends)]
            note = f"{value_at(base, other) / 1000:g} ns of the base, scaled as rmw_modified"
            draft.entries.append(
                Entry(other, scaled[0], "estimated", draft.pairs, note, *scaled[1:])
            )


def _not_given(found: Description) -> list[str]:
    """Return notes on what no description says and every profile has."""
    notes = []
    if found.nominal_hz is None and found.most_hz is None:
        notes.append(NO_CLOCK)
    if found.l3_bytes is None:
        notes.append("no L3 cache is named: its size comes from the base")
    return notes


def check_name(name: str) -> None:
    """Refuse a name that no command could find a profile by.

    Raises
    ------
    UnusableError
    """
    if character := unfit_in_name(name):
        why = f"a name must not contain {character}"
    elif not name or len(name) > MAX_NAME:
        why = f"it has 1 to {MAX_NAME} characters"
    elif not all(c.isalnum() or c in "-_." for c in name) or not name[0].isalnum():
        why = "it is made of letters, digits, '-', '_' and '.', and starts with a letter or digit"
    elif is_path("machines", name):
        why = "leave out its ending, which makes it that of a file"
    else:
        return
    raise UnusableError(f"'{shorten(name)}' is not a name for a machine: {why}")
