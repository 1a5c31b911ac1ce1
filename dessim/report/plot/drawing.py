"""What a figure's file returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dessim.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class UnknownFigureError(UserError):
    """A figure that does not exist, or that has nothing to show."""


@dataclass(frozen=True)
class Drawing:
    """A figure with what is written next to it.

    Attributes
    ----------
    figure : Figure
    rows : list of dict, at least one
        The numbers drawn: same keys in all, units in the names.
    caption : str
    """

    figure: Figure
    rows: list[dict[str, Any]]
    caption: str
