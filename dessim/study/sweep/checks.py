"""What is checked about the points of an experiment before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dessim import registry
from dessim.errors import UserError
from dessim.kernel.paging import check_room
from dessim.kernel.regions import check_together, sizes_of
from dessim.kernel.replay import replay_of
from dessim.kernel.setup import WorldError, changes_page_cache, check_contpte
from dessim.model import ConfigError, Experiment, Point, SchemeChoice
from dessim.model.document import Document, Path, dotted
from dessim.model.errors import Place, Problem, Source
from dessim.model.published import load_published
from dessim.model.units import SIZE, format_quantity
from dessim.model.workload import PAGE_BYTES
from dessim.study.sweep.plan import actors_of, batches_of, program_of, setup_of
from dessim.study.sweep.times import too_long

RowOf = Callable[[Point], Place | None]


class _Found:
    """The first problem of each kind, with its place."""

    def __init__(self, experiment: Experiment, row_of: RowOf | None) -> None:
        self.experiment = experiment
        self.document = experiment._document or Document({}, Source(experiment.name))
        self.row_of = row_of or (lambda point: None)
        self.problems: dict[tuple[object, ...], Problem] = {}
        self.options: dict[str, tuple[tuple[str, registry.Option], ...]] = {}

    def note(self, key: tuple[object, ...], text: str, path: Path) -> None:
        """Note what is wrong with a value below `machine` or `workload`, or of the experiment."""
        if text:
            self.problems.setdefault(key, Problem(self._place(path), text))

    def blame(self, key: tuple[object, ...], text: str, point: Point) -> None:
        """Note what is wrong with the scheme of a point."""
        if text:
            place = self.row_of(point) or _place_of_scheme(self.document, point.scheme)
            self.problems.setdefault(key, Problem(place, text))

    def _place(self, path: Path) -> Place:
        """Where a value is set: by `--set`, in a sweep, or in the file."""
        references = self.experiment._references
        if references is not None and path in references.settings:
            place: Place = references.settings[path].place
            return place
        for word in ("matrix", "zip"):
            if self.document.get((word, dotted(path))) is not None:
                return self.document.place((word, dotted(path)))
        return self.document.place(path)


def check(
    experiment: Experiment,
    points: Iterable[Point],
    engine: str = "compiled",
    row_of: RowOf | None = None,
) -> None:
    """Check what only the schemes, the kernel and the engine know, before anything runs.

    Parameters
    ----------
    experiment : Experiment
    points : iterable of Point
    engine : "compiled" or "reference"
    row_of : callable, optional
        The row of a measured table that a point comes from, to be blamed for its scheme.

    Raises
    ------
    ConfigError
        With every unknown scheme, actor or option, every machine that lacks what its workload
        needs, every time or size that cannot be simulated, and a measured table that is none, at
        the place where it is written.
    """
    found = _Found(experiment, row_of)
    timed: set[tuple[object, ...]] = set()
    seen: dict[tuple[object, ...], SchemeChoice] = {}
    for point in points:
        _check_programs(found, point)
        if not found.problems:
            _check_new(found, point, seen)
        if not found.problems:
            _check_sizes(found, point)
        variant = (id(point.machine), id(point.workload), point.threads)
        if engine == "compiled" and not found.problems and variant not in timed:
            timed.add(variant)
            text, path = too_long(point)
            found.note(("times",), text, path)
    if experiment.measured is not None:
        try:
            load_published(experiment.measured)
        except ConfigError as error:
            text = f"table '{experiment.measured}': {error.problems[0].message}"
            found.note(("measured",), text, ("measured",))
    if found.problems:
        raise ConfigError(found.problems.values())


def _check_new(found: _Found, point: Point, seen: dict[tuple[object, ...], SchemeChoice]) -> None:
    """Check that no other point is the same with an option that is left to its default."""
    scheme = point.scheme
    entry = repr(scheme.entry())
    if entry not in found.options:
        options = registry.options_of(registry.load(scheme.name), scheme.options)
        found.options[entry] = tuple(sorted(options.items()))
    key = (
        id(point.machine),
        id(point.workload),
        *(point.threads, point.fault_around_order, point.simulate_bytes, scheme.name),
        *found.options[entry],
    )
    first = seen.setdefault(key, scheme)
    if first.entry() != scheme.entry():
        text = f"'{scheme.name}' is in the list already: an option has its default value here"
        found.blame(("again", entry), text, point)


def _check_programs(found: _Found, point: Point) -> None:
    """Check that a point's scheme, actors, machine and workload go together."""
    workload, key = point.workload, (repr(point.scheme.entry()), point.workload.fault)
    if key not in found.problems:
        try:
            program_of(point)
            check_contpte(batches_of(point), point.machine, workload)
        except (registry.UnknownScheme, WorldError) as error:
            found.blame(key, str(error), point)
    found.blame(("order",), _unlike_folios(point), point)
    if workload.pages_file and point.simulate_bytes is not None:
        text = (
            f"workload '{workload.name}' has an advice: its file is simulated as a whole, so drop"
            " 'simulate' and use a smaller file"
        )
        found.note(("simulate",), text, ("simulate",))
    reads = changes_page_cache(workload) or workload.commands
    if reads and point.machine.device.read_latency_ps == 0:
        text = (
            f"pages of workload '{workload.name}' have to be read, but machine"
            f" '{point.machine.name}' has no device: set machine.device.read_latency"
        )
        found.note(("device",), text, ("machine",))
    if workload.replays:
        found.note(("trace",), _unlike_trace(point), ("workload",))
    if key in found.problems:
        return
    pages = workload.file_size_bytes // point.machine.memory.page_size_bytes
    for i, actor in enumerate(workload.actors):
        try:
            actors_of(point, i)
            works_on_file = not registry.load_actor(actor.name).alongside_writes
            if works_on_file and "range_pages" in actor.model_fields_set:
                text = f"a range of {actor.range_pages} pages is larger than the file, of {pages}"
                path = ("workload", "actors", i, "range_pages")
                found.note(("range", i), text if actor.range_pages > pages else "", path)
        except registry.UnknownScheme as error:
            found.note(("actors", i), str(error), ("workload", "actors", i))


def _check_sizes(found: _Found, point: Point) -> None:
    """Check what a World would refuse, where a workload has sizes that may not go together."""
    workload = point.workload
    if not (workload.pages_file or workload.replays or workload.anon_order):
        return
    setup = setup_of(point, 0)
    path: Path = ("workload", "anon_order") if workload.anon_order else ("machine", "memory")
    try:
        check_together(setup)
        path = ("workload", "memory_share")
        if workload.pages_file:
            check_room(setup, sizes_of(setup))
    except WorldError as error:
        found.note(("sizes",), str(error), path)


def _unlike_trace(point: Point) -> str:
    """Return how a point contradicts the trace that it replays, or nothing."""
    workload = point.workload
    try:
        replay = replay_of(workload)
    except UserError as error:
        return str(error)
    assert replay is not None
    if point.threads != len(replay.tasks):
        return (
            f"workload '{workload.name}' replays the {len(replay.tasks)} tasks of its trace, not"
            f" {point.threads}: drop threads, or import other tasks (--comm, --pid)"
        )
    size_bytes = replay.region_pages * PAGE_BYTES
    if workload.file_size_bytes != size_bytes:
        return (
            f"faults '{workload.fault}' of the trace of workload '{workload.name}' need file_size:"
            f" {format_quantity(size_bytes, SIZE)}"
        )
    return ""


def _unlike_folios(point: Point) -> str:
    """Why a point's scheme cannot map the folios of its workload's file; empty if it can."""
    workload, name = point.workload, point.scheme.name
    if not workload.folio_order or name not in (*registry.names(), *registry.columns()):
        return ""
    if "folio_order" not in registry.load(name).options:
        return (
            f"scheme '{name}' knows no folios, but workload '{workload.name}' has folio_order"
            f" {workload.folio_order}: use linux or folio_batch"
        )
    if (own := point.scheme.options.get("folio_order", workload.folio_order)) != (
        workload.folio_order
    ):
        return (
            f"scheme '{name}' has folio_order {own}, and workload '{workload.name}'"
            f" {workload.folio_order}: both are of the file's folios, so drop one of them"
        )
    return ""


def _place_of_scheme(document: Document, scheme: SchemeChoice) -> Place:
    """Where a scheme is chosen: in `schemes`, or in an entry of `include`."""
    lists = [("schemes",), *(("include", i, "schemes") for i in _indices(document, ("include",)))]
    entries = [(*path, i) for path in lists for i in _indices(document, path)]
    included = [("include", i, "scheme") for i in _indices(document, ("include",))]
    for path in (*entries, *included):  # with its options, if it is there several times
        if document.get(path) == scheme.entry():
            return document.place(path)
    for path in entries:
        entry = document.get(path)
        if entry == scheme.name or (isinstance(entry, dict) and scheme.name in entry):
            return document.place(path)
    for path in included:
        if document.get(path) == scheme.name:
            return document.place(path)
    return document.place(("schemes",))


def _indices(document: Document, path: tuple[str | int, ...]) -> range:
    entries = document.get(path)
    return range(len(entries)) if isinstance(entries, list) else range(0)
