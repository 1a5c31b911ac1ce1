"""How the author of a patch writes a measured table: columns and names, and what they are here.

A file `NAME.yaml` next to a table `NAME.csv` in configs/published that has `columns` says so. Such
a table says `seconds` where ours says `completion_s`, and marks the kernel without the patch by a
word in the column of the order.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from pydantic import model_validator

from dessim.model.errors import ConfigError, in_order
from dessim.model.fields import Model, Text, refuse
from dessim.model.locate import find, names
from dessim.model.validate import validate
from dessim.model.yaml_loader import read_document

Column = Literal["workload", "threads", "fault_around_order", "completion_s"]


class Schemes(Model):
    """Schemes of the two kernels."""

    unpatched: Text
    """Of the kernel without the patch."""
    patched: Text
    """Of the kernel with it."""


class Doubt(Model):
    """How a row says that it should not be trusted."""

    column: Text
    """In which column."""
    begins: Text
    """With which word its text begins."""


class Author(Model):
    """Columns and names of one author's tables."""

    columns: dict[Column, Text]
    """Our columns -> the author's."""
    workloads: dict[Text, Text]
    """The author's workloads -> ours."""
    baseline: Text
    """Stands in the column of the order where the kernel had no patch."""
    schemes: Schemes
    doubtful: Doubt
    predicted: tuple[Text, ...]
    """Choices of cells that are worth a prediction."""

    @model_validator(mode="after")
    def _check(self) -> Author:
        missing = [name for name in get_args(Column) if name not in self.columns]
        if missing:
            raise refuse([(("columns",), f"columns: missing {', '.join(missing)}")])
        return self

    def scheme_at(self, order: int) -> str:
        """Scheme of a cell that does not name one: order 0 is the kernel without the patch."""
        return self.schemes.patched if order else self.schemes.unpatched

    def wrote(self, header: list[str]) -> bool:
        """Whether a table has the author's columns, and not our own."""
        return "scheme" not in header and set(self.columns.values()) <= set(header)

    def ours(self, row: dict[str, str]) -> dict[str, str]:
        """A row of the author's under our names; columns that are nobody's stay."""
        theirs = self.columns
        workload, order = row[theirs["workload"]], row[theirs["fault_around_order"]]
        baseline = order == self.baseline
        note = row.get(self.doubtful.column, "")
        found = {
            "workload": self.workloads.get(workload, workload),
            "scheme": self.schemes.unpatched if baseline else self.schemes.patched,
            "threads": row[theirs["threads"]],
            "fault_around_order": "0" if baseline else order,
            "completion_s": row[theirs["completion_s"]],
            "doubtful": note if note.startswith(self.doubtful.begins) else "",
        }
        own = (*theirs.values(), self.doubtful.column)
        return found | {name: cell for name, cell in row.items() if name not in own}


def authors(table: Path | None = None) -> tuple[Author, ...]:
    """Authors of tables, in the order of their tables' names.

    Parameters
    ----------
    table : Path, optional
        The table that is asked about: only what is wrong with the file next to it is an error.

    Raises
    ------
    ConfigError
        With all errors of the file next to ``table``.
    """
    files = (find("published", name).with_suffix(".yaml") for name in names("published"))
    found = []
    for file in files:
        if not file.is_file():
            continue
        try:
            author = _author(file, file.stat().st_mtime_ns)
        except ConfigError:
            if table is not None and file.resolve() == table.with_suffix(".yaml").resolve():
                raise
            continue
        found += [] if author is None else [author]
    return tuple(found)


@lru_cache(maxsize=64)
def _author(file: Path, changed: int) -> Author | None:
    """The author in a file as it was when it last changed; None if it is about something else."""
    document, problems = read_document(file)
    if not isinstance(document.data, dict) or "columns" not in document.data:
        return None
    author, more = validate(Author, document)
    if author is None or problems:
        raise ConfigError(in_order([*problems, *more]))
    return author


def usual_author() -> Author:
    """The first author: of cells that are named without their scheme."""
    return authors()[0]


def our_workload(name: str) -> str:
    """Our name of a workload that some author calls otherwise."""
    return next((a.workloads[name] for a in authors() if name in a.workloads), name)
