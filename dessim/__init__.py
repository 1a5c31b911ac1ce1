"""dessim: a simulator of page-fault locking schemes on many-core machines.

``dessim.run("quickstart")`` runs an experiment and returns its results. ``dessim.load`` opens
stored results. ``dessim.setup`` and ``dessim.SimulatedMachine`` are for your own SimPy scripts. All
are imported at first use: ``import dessim`` is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dessim.api import Estimate, PointResult, Result, RunFailedError, load, run, setup
    from dessim.engines.components import SimulatedMachine

__version__ = "0.1.0"
__all__ = [
    "Estimate",
    "PointResult",
    "Result",
    "RunFailedError",
    "SimulatedMachine",
    "__version__",
    "load",
    "run",
    "setup",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name == "SimulatedMachine":
        return import_module("dessim.engines.components").SimulatedMachine
    if name in __all__:
        return getattr(import_module("dessim.api"), name)
    raise AttributeError(f"module 'dessim' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List public names, imported or not."""
    return sorted({*globals(), *__all__})
