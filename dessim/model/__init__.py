"""What machines, workloads, scheme choices and experiments are, and how they are loaded."""

from typing import TYPE_CHECKING

from dessim.lazy import exports

if TYPE_CHECKING:
    from dessim.model.calibration import Calibration, LeftOut
    from dessim.model.errors import ConfigError
    from dessim.model.experiment import Experiment, Point, SchemeChoice
    from dessim.model.load import load_experiment, load_machine, load_workload, resolve
    from dessim.model.locate import config_root, find, names
    from dessim.model.machine import Distances, Machine
    from dessim.model.provenance import Provenance
    from dessim.model.schema import json_schema
    from dessim.model.workload import Workload

__getattr__, __dir__ = exports(
    __name__,
    {
        "calibration": ("Calibration", "LeftOut"),
        "errors": ("ConfigError",),
        "experiment": ("Experiment", "Point", "SchemeChoice"),
        "load": ("load_experiment", "load_machine", "load_workload", "resolve"),
        "locate": ("config_root", "find", "names"),
        "machine": ("Distances", "Machine"),
        "provenance": ("Provenance",),
        "schema": ("json_schema",),
        "workload": ("Workload",),
    },
)

__all__ = [
    "Calibration",
    "ConfigError",
    "Distances",
    "Experiment",
    "LeftOut",
    "Machine",
    "Point",
    "Provenance",
    "SchemeChoice",
    "Workload",
    "config_root",
    "find",
    "json_schema",
    "load_experiment",
    "load_machine",
    "load_workload",
    "names",
    "resolve",
]
