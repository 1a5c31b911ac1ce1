"""Machines and workloads that an experiment refers to, by name, by path or in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from dessim.files.reading import STDIN
from dessim.model.bases import with_bases
from dessim.model.document import Document, Path
from dessim.model.errors import ConfigError, Problem
from dessim.model.fields import describe
from dessim.model.locate import FileKind, find_from, not_found
from dessim.model.machine import Machine
from dessim.model.profile import Cell, Profile, profile
from dessim.model.validate import validate
from dessim.model.workload import Workload
from dessim.model.yaml_loader import read_document

Settings = Mapping[Path, Cell]
_Variant = tuple[str, tuple[tuple[Path, str], ...]]


@dataclass(slots=True)
class References:
    """Loads each referenced thing once and remembers every variant that was built of it.

    `settings` are the leaves that `--set machine.…` and `--set workload.…` give to whatever
    machine and workload are used; their paths begin with `machine` or `workload`.
    """

    folder: FilePath | None
    """Folder of the experiment's file: relative paths are tried from here first."""
    settings: Settings = field(default_factory=dict)
    _profiles: dict[str, Profile | None] = field(default_factory=dict)
    _workloads: dict[str, tuple[Document, list[Problem]] | None] = field(default_factory=dict)
    _machines_built: dict[_Variant, Machine | None] = field(default_factory=dict)
    _threaded: dict[tuple[int, int], Workload] = field(default_factory=dict)
    _workloads_built: dict[_Variant, Workload | None] = field(default_factory=dict)

    def machine(
        self, cell: Cell, experiment: Document, settings: Settings
    ) -> tuple[Machine | None, list[Problem]]:
        """The machine that `cell` refers to, with the leaves in `settings` set.

        Parameters
        ----------
        cell : Cell
            A name, a path, or a mapping, which then stands in `experiment` at `cell.path`.
        experiment : Document
        settings : mapping of path below the machine to Cell

        Returns
        -------
        Machine or None, list of Problem
            The problems of a variant are reported once, the first time it is asked for.
        """
        variant = _variant(cell, settings)
        if variant in self._machines_built:
            return self._machines_built[variant], []
        name, problems = variant[0], list[Problem]()
        if name not in self._profiles:
            self._profiles[name], problems = self._profile(cell, experiment)
        known, machine = self._profiles[name], None
        if known is not None:
            machine, problems = known.machine(settings)
        self._machines_built[variant] = machine
        return machine, problems

    def workload(
        self, cell: Cell, experiment: Document, settings: Settings
    ) -> tuple[Workload | None, list[Problem]]:
        """The workload that `cell` refers to; see `machine`."""
        variant = _variant(cell, settings)
        if variant in self._workloads_built:
            return self._workloads_built[variant], []
        name, problems = variant[0], list[Problem]()
        if name not in self._workloads:
            document, folder, problems = self._referenced("workloads", cell, experiment, "workload")
            if document is not None:
                document, more = self._with_settings(document, "workload")
                document, problems = with_trace_from(document, folder), [*problems, *more]
            self._workloads[name] = None if document is None else (document, problems)
        known, workload = self._workloads[name], None
        if known is not None:
            document, problems = known
            for path, setting in settings.items():
                document = document.set(path, setting.value, setting.place)
            workload, more = validate(Workload, document)
            problems = [*problems, *more]
        self._workloads_built[variant] = None if problems else workload
        return self._workloads_built[variant], problems

    def with_threads(self, workload: Workload, threads: int) -> Workload:
        """The workload with the number of threads of a point: one object for equal results."""
        if workload.threads == threads:
            return workload
        key = (id(workload), threads)
        if key not in self._threaded:
            self._threaded[key] = workload.model_copy(update={"threads": threads})
        return self._threaded[key]

    def _profile(self, cell: Cell, experiment: Document) -> tuple[Profile | None, list[Problem]]:
        document, folder, problems = self._referenced("machines", cell, experiment, "machine")
        if document is None:
            return None, problems
        based = with_bases(document, folder)
        based.document, more = self._with_settings(based.document, "machine")
        prepared = profile(based)
        prepared.problems += [*problems, *more]
        return prepared, []

    def _referenced(
        self, kind: FileKind, cell: Cell, experiment: Document, word: str
    ) -> tuple[Document | None, FilePath | None, list[Problem]]:
        """Load what a cell refers to, and the folder from which paths in it are tried."""
        value = cell.value
        if isinstance(value, dict):
            document = experiment.part(cell.path)
            if "name" not in value:
                document = _named(document, "inline")
            return document, self.folder, []
        if not isinstance(value, str):
            text = f"expected the name of a {word} or a mapping, found {describe(value)}"
            return None, None, [Problem(cell.place, text)]
        try:
            path = find_from(kind, value, self.folder)
            if path is None:
                return None, None, [Problem(cell.place, not_found(kind, value))]
            document, problems = load_named(path)
        except ConfigError as error:
            return None, None, [_seen_from(cell, problem) for problem in error.problems]
        return document, path.parent, problems

    def _with_settings(self, document: Document, word: str) -> tuple[Document, list[Problem]]:
        """Set the leaves of `--set`."""
        problems = []
        for full_path, setting in self.settings.items():
            if full_path[0] != word:
                continue
            try:
                document = document.set(full_path[1:], setting.value, setting.place)
            except ValueError as error:
                problems.append(Problem(setting.place, str(error)))
        return document, problems


def load_named(path: FilePath) -> tuple[Document, list[Problem]]:
    """Read a document; a mapping without a name gets the file's."""
    document, problems = read_document(path)
    if isinstance(document.data, dict) and "name" not in document.data:
        document = _named(document, "stdin" if str(path) == STDIN else path.stem)
    return document, problems


def with_trace_from(document: Document, folder: FilePath | None) -> Document:
    """The same workload; a relative path of a trace is one from the folder of its file."""
    path = document.get(("trace",))
    if folder is None or not isinstance(path, str) or not path or "\0" in path:
        return document
    return document.set(("trace",), str(folder / path), document.place(("trace",)))


def _named(document: Document, name: str) -> Document:
    """The same document with a name, which is no setting from outside: it keeps its places."""
    data = {"name": name, **document.data}
    return Document(data, document.source, document.values, document.keys, document.overlays)


def _seen_from(cell: Cell, problem: Problem) -> Problem:
    """A problem of a whole file belongs where the experiment names the file."""
    if problem.place.line is not None:
        return problem
    return Problem(cell.place, f"{problem.place.source.name}: {problem.message}")


def _variant(cell: Cell, settings: Settings) -> _Variant:
    """What distinguishes two builds of a referenced thing."""
    return repr(cell.value), tuple((path, repr(c.value)) for path, c in settings.items())
