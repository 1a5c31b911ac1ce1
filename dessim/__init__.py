"""dessim: a simulator of page-fault locking schemes on many-core machines.

``dessim.run("quickstart")`` runs an experiment and returns its results; ``dessim.load`` opens
stored ones; ``dessim.setup`` and ``dessim.SimulatedMachine`` are for your own SimPy scripts. They
are imported at their first use: ``import dessim`` is light.
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
    """Import what is asked for."""
    if name == "SimulatedMachine":
        return import_module("dessim.engines.components").SimulatedMachine
    if name in __all__:
        return getattr(import_module("dessim.api"), name)
    raise AttributeError(f"module 'dessim' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Names that are there, imported or not."""
    return sorted({*globals(), *__all__})
