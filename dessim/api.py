"""Run experiments from Python, and read their results as tables and figures.

``import dessim`` is light; this module and its dependencies are loaded at first use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from dessim.files.names import folder_name
from dessim.metrics import View, columns_of
from dessim.report.common.differences import not_the_only_one
from dessim.report.common.doubts import flags_of, runs_alike
from dessim.report.common.format import estimate_text, form_of, scheme_of
from dessim.report.common.results import Results, load_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dessim.kernel.setup import Setup

EngineName = Literal["compiled", "reference"]
MAX_HTML_ROWS = 60
SHOWN = columns_of(View.NOTEBOOK)


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.

    Attributes
    ----------
    mean : float or None
        Value in the typical run: the median over replications. None where the runs do not support
        it; ``reason`` says why.
    low, high : float or None
        Ends of the 95 % interval.
    n : int
        Number of replications.
    method : str
        How the interval was computed.
    reason : str
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    method: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """Mean and interval in six digits; the reason, if the runs do not support them."""
        if self.mean is None:
            return f"unknown ({self.reason})"
        if self.low is None or self.high is None:
            why = f" (no interval: {self.reason})" if self.reason else ""
            return f"{self.mean:.6g}{why}"
        return f"{self.mean:.6g} [{self.low:.6g}, {self.high:.6g}]"


@dataclass(frozen=True)
class PointResult:
    """The results at one point of an experiment.

    Attributes
    ----------
    scheme, workload, machine : str
    threads, fault_around_order, replications : int
    parameters : dict
        Every other swept key.
    scaled : bool
        Whether only a part of the file was simulated.
    time_share : dict
        Category -> share of all threads' time.
    metrics : dict
        Name -> Estimate; ``docs/experiments.md`` explains the names.
    notes : tuple of str
    flags : tuple of str
        What the point cannot support, such as `mixture` or `not_stationary`. Without flags it is as
        certain as its intervals say.
    simulated_bytes : int, bytes
        Simulated part of each file.
    mixture, stationarity : dict or None
        Two kinds of runs, and the comparison of two sizes of the file, as in `results.json`.
    """

    scheme: str
    workload: str
    machine: str
    threads: int
    fault_around_order: int
    replications: int
    parameters: dict[str, Any]
    scaled: bool
    time_share: dict[str, float]
    metrics: dict[str, Estimate]
    notes: tuple[str, ...]
    flags: tuple[str, ...] = ()
    simulated_bytes: int = 0
    mixture: dict[str, Any] | None = None
    stationarity: dict[str, Any] | None = None

    def __getitem__(self, metric: str) -> Estimate:
        """Return a metric by name."""
        return self.metrics[metric]


class Result:
    """Stored results of an experiment.

    Parameters
    ----------
    folder : Path
        Folder that `dessim run` wrote.

    Raises
    ------
    UnreadableError
        If it holds no results.
    ReportError
        If the files are damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._results: Results = load_results(self.folder)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.document["experiment"])

    @property
    def document(self) -> dict[str, Any]:
        """The whole document, as `dessim run --format json` prints it."""
        return self._results.document

    @cached_property
    def points(self) -> tuple[PointResult, ...]:
        """All points, in the order of the experiment."""
        return tuple(_point(point) for point in self.document["points"])

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.points)

    def point(self, **wanted: Any) -> PointResult:
        """Return the one point with these attributes or parameters.

        Parameters
        ----------
        **wanted
            For example ``scheme="lock_each_page", threads=8``.

        Raises
        ------
        LookupError
            If no point or more than one matches; names the keys in which points differ.
        """
        found = [one for one in self.points if all(_has(one, *item) for item in wanted.items())]
        if len(found) != 1:
            raise LookupError(not_the_only_one(self.name, wanted, found, self.points))
        return found[0]

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row per point, as in `results.csv`, with units in the names."""
        from dessim.study.sweep.tables import table_rows

        return list(table_rows(self.document))

    def table(self) -> Any:
        """Return a row per point: a pandas DataFrame, or a list of dicts without pandas."""
        try:
            import pandas
        except ImportError:
            return self.rows()
        return pandas.DataFrame(self.rows())

    def figure(self, name: str = "throughput") -> Figure:
        """Draw a figure of these results.

        Parameters
        ----------
        name : str
            `throughput`, `latency`, `ccdf` or `time_share`.

        Raises
        ------
        UnknownFigureError
            If no figure has that name, or these results have no data for it.
        """
        from dessim.report.figures import draw
        from dessim.report.plot.drawing import UnknownFigureError

        drawing = draw(self._results, name)
        if drawing is None:
            raise UnknownFigureError(f"these results have no data for figure {name!r}")
        return drawing.figure

    def report(self, out: str | Path | None = None) -> Path:
        """Write the report as one HTML file and return its path."""
        from dessim.report.page.render import write_report

        return write_report(self.folder, None if out is None else Path(out))

    def __repr__(self) -> str:
        """Name, number of points and folder in one line."""
        return f"<dessim results of {self.name}: {len(self)} points, {self.folder}>"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from markupsafe import escape

        heads = ["scheme", "threads", "order", "parameters", *(metric.heading for metric in SHOWN)]
        flagged = any(flags_of(point) for point in self.document["points"])
        heads += ["flags"] if flagged else []
        lines = ["<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"]
        for point in self.document["points"][:MAX_HTML_ROWS]:
            words = _cells(point) + ([" ".join(flags_of(point))] if flagged else [])
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in words)
            lines.append(f"<tr>{cells}</tr>")
        more = len(self) - MAX_HTML_ROWS
        rest = f"<p>and {more} more points</p>" if more > 0 else ""
        caption = f"<caption>{escape(self.name)}: typical runs, 95 % intervals</caption>"
        return f"<table>{caption}{''.join(lines)}</table>{rest}"


def _cells(point: dict[str, Any]) -> list[str]:
    swept = {"workload": point["workload"], **point["parameters"]}
    cells = [scheme_of(point), str(point["threads"]), str(point["fault_around_order"])]
    cells.append(", ".join(f"{key} {value}" for key, value in swept.items()))
    alike = runs_alike(point)
    cells += [estimate_text(point["metrics"].get(m.name), form_of(m), alike=alike) for m in SHOWN]
    return cells


def _has(point: PointResult, key: str, value: Any) -> bool:
    if key in point.parameters:
        return bool(point.parameters[key] == value)
    return bool(getattr(point, key, None) == value)


def _point(point: dict[str, Any]) -> PointResult:
    return PointResult(
        scheme=scheme_of(point),
        workload=point["workload"],
        machine=point["machine"],
        threads=point["threads"],
        fault_around_order=point["fault_around_order"],
        replications=point["replications"],
        parameters=dict(point["parameters"]),
        scaled=point["scaled"],
        time_share=dict(point["time_share"]),
        metrics={name: _estimate(found) for name, found in point["metrics"].items()},
        notes=tuple(point["notes"]),
        flags=tuple(flags_of(point)),
        simulated_bytes=int(point.get("simulated_bytes", 0)),
        mixture=point.get("mixture"),
        stationarity=point.get("stationarity"),
    )


def _estimate(found: dict[str, Any]) -> Estimate:
    low, high = found["ci95"] or (None, None)
    method, reason = str(found.get("method", "")), str(found.get("reason", ""))
    return Estimate(found["mean"], low, high, int(found["n"]), method, reason)


def _overrides(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings as the command line writes them; JSON is YAML."""
    return tuple(
        f"{key}={value if isinstance(value, str) else _yaml(key, value)}"
        for key, value in settings.items()
    )


def _yaml(key: str, value: Any) -> str:
    def plain(one: Any) -> Any:
        if isinstance(one, PurePath):
            return str(one)
        if hasattr(one, "tolist"):  # numbers and arrays of numpy
            return one.tolist()
        raise TypeError(
            f"setting {key!r}: a {type(one).__name__} is not a configuration value; to sweep a"
            " key, give a list"
        )

    return json.dumps(value, default=plain)


def run(
    config: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    engine: EngineName = "compiled",
    workers: int = 1,
    seed: int | None = None,
    replications: int | None = None,
    results_dir: str | Path = "results",
    force: bool = False,
) -> Result:
    """Run an experiment; reuse stored runs.

    Parameters
    ----------
    config : str or Path
        Name of an experiment, or a YAML file.
    settings : dict, optional
        As `--set`: key path -> value; a list sweeps it.
    engine : "compiled" or "reference"
        Both give the same results.
    workers : int, >= 1
        Processes. More than 1 needs a script guarded by ``if __name__ == "__main__"``.
    seed, replications : int, optional
        Override the experiment's.
    results_dir : str or Path
        Where results are kept.
    force : bool
        Repeat stored runs.

    Returns
    -------
    Result

    Raises
    ------
    ConfigError
        With all errors of the configuration.
    ValueError, TypeError
        If the engine is unknown, ``workers`` is below 1, or a setting is not a configuration value.
    RunFailedError
        If runs failed; the others are stored.
    """
    from dessim.study.sweep.request import Request, run_request
    from dessim.study.sweep.runner import run_all

    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    overrides = _overrides(settings or {})
    request = Request(str(config), overrides, engine, seed, replications)
    experiment, points = request.load()
    run_some = partial(run_all, workers=workers, force=force)
    done = run_request(request, experiment, points, Path(results_dir), run_some)
    if done.tally.failed:
        first = done.tally.failed[0].error
        raise RunFailedError(f"{len(done.tally.failed)} runs failed, the first: {first}")
    return Result(done.folder)


class RunFailedError(RuntimeError):
    """Raised when runs of an experiment failed."""


def load(name: str | Path, results_dir: str | Path = "results") -> Result:
    """Open stored results without running anything.

    Parameters
    ----------
    name : str or Path
        A folder that `dessim run` wrote, or the name of an experiment.
    results_dir : str or Path
        Where results are kept.

    Raises
    ------
    FileNotFoundError
        If there are no results.
    """
    for folder in (Path(name), Path(results_dir) / folder_name(str(name))):
        if (folder / "results.json").is_file():
            return Result(folder)
    raise FileNotFoundError(f"there are no results in {str(name)!r}: dessim.run({str(name)!r})")


def setup(
    config: str | Path, settings: Mapping[str, Any] | None = None, replication: int = 0
) -> Setup:
    """Return the setup of one run, for ``SimulatedMachine``.

    Parameters
    ----------
    config, settings, replication
        As for ``run``; together they must give a single point, otherwise ValueError.
    """
    from dessim.study.sweep.plan import setup_of
    from dessim.study.sweep.request import Request

    _, points = Request(str(config), _overrides(settings or {})).load()
    if len(points) != 1:
        raise ValueError(f"{config} has {len(points)} points: set what it sweeps to single values")
    return setup_of(points[0], replication)
