"""Where a number of a machine comes from: of one that a profile names, and of one left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic.fields import FieldInfo

from dessim.model.fields import Model, Text

Tag = Literal["read", "derived", "estimated", "recalled", "assumed", "fitted", "measured"]


class Provenance(Model):
    """Where a number of a machine comes from."""

    tag: Tag | None = None
    """How it is known: read in the source, derived from it by arithmetic, estimated between
    neighbours, recalled without re-reading, assumed for want of data, fitted, or measured on the
    machine itself."""
    source: Text | None = None
    """A key of the machine's `sources`, or free text."""
    low: int | None = None
    """Lower end of the plausible range, in the unit of the value."""
    high: int | None = None
    """Upper end of the plausible range, in the unit of the value."""
    note: Text | None = None
    """How the number was reached, and what to doubt."""


@dataclass(frozen=True, slots=True)
class Default:
    """Mark of a field that a profile may leave out: where the number that it then has comes from.

    Attributes
    ----------
    tag : Tag
    note : str
        How the number was reached, and what to doubt.
    source : str
        In full: the profile that leaves the number out does not list it.
    low, high : int or None
        Ends of the plausible range, in the unit of the field.
    """

    tag: Tag
    note: str
    source: str = "default of dessim"
    low: int | None = None
    high: int | None = None

    def provenance(self) -> Provenance:
        """The same as the loader notes of a number that a profile names."""
        return Provenance(
            tag=self.tag, source=self.source, low=self.low, high=self.high, note=self.note
        )


FREE = Default("assumed", "free until a profile names it")
"""Of a cost of something that most machines and runs do without."""


def default_of(field: FieldInfo) -> Default | None:
    """The mark of a field; None if it has none."""
    return next((item for item in field.metadata if isinstance(item, Default)), None)
