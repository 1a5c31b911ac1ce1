"""What comes of a litmus test: whether its condition is met at the end, never, or always."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dessim.kernel import protocol as p
from dessim.study.check.litmus import Litmus, read_litmus
from dessim.study.check.litmus_text import TOO_DEEP, LitmusError

if TYPE_CHECKING:
    from dessim.engines.explorer.effort import Effort


@dataclass(frozen=True)
class LitmusChecked:
    """What came of a litmus test.

    Attributes
    ----------
    test : Litmus
    memory : str
    result : str
        ``Never``, ``Sometimes``, ``Always`` or ``Unknown``: whether the condition holds at the end;
        ``DEADLOCK`` if there is no end, or none that a ``filter`` lets through.
    schedule : str
        A shortest way to an end where it holds; if it is ``forall``, where it does not.
    exploration : Exploration
    """

    test: Litmus
    memory: str
    result: str
    schedule: str
    exploration: Any = field(repr=False)

    @property
    def holds(self) -> bool | None:
        """Whether what the file claims is so; None if nobody knows."""
        if self.result == "Unknown":
            return None
        wanted = {"exists": ("Sometimes", "Always"), "~exists": ("Never",), "forall": ("Always",)}
        return self.result in wanted[self.test.quantifier]

    @property
    def agrees(self) -> bool | None:
        """Whether the result is that of the file's comment; None if it says none, or unknown."""
        if not self.test.result or self.result == "Unknown":
            return None
        return self.result == self.test.result

    def row(self) -> dict[str, Any]:
        """Return the result as a row."""
        return {
            "test": self.test.name,
            "memory": self.memory,
            "condition": self.test.condition,
            "result": self.result,
            "documented": self.test.result or None,
            "states": self.exploration.states,
            "schedule": self.schedule,
            "untried": list(self.exploration.untried),
        }


def check_litmus(
    path: Path, memory: str = "lkmm", bound: int = 0, effort: Effort | None = None
) -> LitmusChecked:
    """Explore a litmus test.

    Raises
    ------
    LitmusError, ScopeError
        If it cannot be read, or not be explored.
    """
    from dessim.engines.explorer.explore import DEFAULT_BOUND, explore
    from dessim.engines.explorer.story import concrete, schedule_text

    test = read_litmus(path)
    small = litmus_small_world(test, memory)
    made = explore(small, ("met", "missed"), bound or DEFAULT_BOUND, effort=effort)
    met, missed = made.findings["met"], made.findings["missed"]
    if met.verdict == "sometimes":
        result = {"sometimes": "Sometimes", "never": "Always"}.get(missed.verdict, "Sometimes")
    else:
        result = {"never": "Never"}.get(met.verdict, "Unknown")
        if (met.verdict, missed.verdict) == ("never", "never"):
            result = "DEADLOCK"
    wanted = missed if test.quantifier == "forall" else met
    schedule = ""
    if wanted.verdict == "sometimes":
        schedule = schedule_text(small, concrete(made, wanted.name)[0])
    return LitmusChecked(test, memory, result, schedule, made)


def litmus_small_world(test: Litmus, memory: str) -> Any:
    """Return the small World of a litmus test.

    Raises
    ------
    LitmusError
        If an expression of it is nested too deep.
    """
    from dessim.engines.explorer.orders import Rules
    from dessim.engines.explorer.protocol_world import protocol_world

    try:
        return protocol_world(p.compiled(test.protocol), Rules(memory=memory))
    except RecursionError:
        raise LitmusError(f"{test.name}: {TOO_DEEP}") from None
