"""From stored results to one HTML file.

Everything that comes from files is escaped by the template engine. The page forbids itself to load
anything: its policy names the digests of its own style and script and allows nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dessim
from dessim.files.drawn import note_drawn
from dessim.files.own import refuse_own
from dessim.files.reading import parse_json, read_file, read_json
from dessim.files.seals import read_sealed
from dessim.files.writing import write_all
from dessim.report.common.answer import answer_lines
from dessim.report.common.results import Results, doubting, load_results
from dessim.report.page import bars
from dessim.report.page.figures import figures_of
from dessim.report.page.moves import (
    answers_of,
    differences_table,
    figures_of_sides,
    moves_table,
    sides_table,
)
from dessim.report.page.sides import match, sides_of
from dessim.report.page.tables import (
    comparison_tables,
    crossover_table,
    results_table,
    scaling_table,
    time_table,
)
from dessim.report.page.warnings import kinds_of, warnings_of

HERE = Path(__file__).parent
SURROUNDINGS = (
    *("commit", "python", "system", "numpy", "scipy", "llvmlite", "simpy", "pydantic", "PyYAML"),
    *("click", "Jinja2", "matplotlib", "pyarrow", "quantiphy", "rich"),
)
"""What a stored run says about what made it (``study.runner``)."""
Entry = dict[str, Any]


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the results in a folder.

    Parameters
    ----------
    folder : Path
        Where `dessim run` put them.
    out : Path, optional
        The file; left out: `report.html` next to them.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    ReportError
        If the files are no results of dessim.
    OSError
        If they cannot be read, or the report not be written.
    UnwritableError
        If the file is one of results, which only a run writes.
    """
    if out is not None:
        refuse_own(out)
    with doubting(folder):
        text = report_html(folder)
    paths = write_all({out or folder / "report.html": text.encode()})
    note_drawn(folder, paths)
    return paths[0]


def report_html(folder: Path) -> str:
    """Return the report as text: the same results give the same text."""
    return _page("page.html.j2", _context(folder, load_results(folder)))


def write_sides(folders: Sequence[Path], out: Path) -> Path:
    """Write several results side by side, as one HTML file, and return where it is.

    Parameters
    ----------
    folders : sequence of Path
        Where `dessim run` put them: the first is what the others are compared with.
    out : Path

    Raises
    ------
    ReportError
        If the files are no results of dessim, or have no point in common.
    OSError
        If they cannot be read, or the report not be written.
    """
    return write_all({out: sides_html(folders).encode()})[0]


def sides_html(folders: Sequence[Path]) -> str:
    """Return the page of several results as text."""
    found = []
    for folder in folders:
        with doubting(folder):
            found.append((load_results(folder), _configuration(folder)))
    sides = sides_of(folders, found)
    matching = match(sides)
    names = list(dict.fromkeys(side.results.document["experiment"] for side in sides))
    warnings = [
        f"{side.letter}: {one}"
        for side in sides
        for one in warnings_of(side.results.document, side.configuration)
    ]
    context = {
        "version": dessim.__version__,
        "title": f"{', '.join(names)}: {len(sides)} results",
        "answers": answers_of(sides, matching),
        "sides": sides_table(sides),
        "warnings": warnings,
        "figures": figures_of_sides(sides, matching),
        "moves": moves_table(sides, matching),
        "differences": differences_table(sides),
    }
    return _page("sides.html.j2", context)


def _page(template: str, context: Entry) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_source(name) for name in ("page.css", "page.js"))
    return environment.get_template(template).render(**context, **_policy(style, script))


def _source(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> Entry:
    """Style, script, and the policy that allows these two and nothing else."""
    from markupsafe import Markup

    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    policy = (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}';"
        " base-uri 'none'; form-action 'none'"
    )
    # Markup: these are files of dessim; between the tags nothing may be escaped.
    return {"style": Markup(style), "script": Markup(script), "policy": Markup(policy)}


def _configuration(folder: Path) -> Entry | None:
    place = folder / "configuration.json"
    found: Entry | None = parse_json(read_sealed(place)) if place.is_file() else None
    return found


def _context(folder: Path, results: Results) -> Entry:
    document = results.document
    configuration = _configuration(folder)
    return {
        "document": document,
        "subject": _subject(document),
        "configuration": configuration,
        "answers": answer_lines(document),
        "warnings": warnings_of(document, configuration),
        "kinds": kinds_of(document),
        "crossovers": crossover_table(document),
        "figures": figures_of(results),
        "patterns": bars.patterns(),
        "results": results_table(results),
        "comparisons": comparison_tables(document),
        "scaling": scaling_table(document),
        "times": time_table(results),
        "provenance": list(_provenance(folder, results)),
        "command": _command(document, configuration),
        "digest": hashlib.sha256(read_file(folder / "results.json")).hexdigest(),
    }


def _subject(document: Entry) -> list[tuple[str, str]]:
    """What was simulated on what: names, once each."""
    points = document["points"]
    return [
        (key, ", ".join(dict.fromkeys(str(point[key]) for point in points)))
        for key in ("machine", "workload")
    ]


def _json(path: Path) -> Entry | None:
    if not path.is_file():
        return None
    found: Entry = read_json(path)
    return found


def _command(document: Entry, configuration: Entry | None) -> str:
    stored = (configuration or {}).get("command")
    return str(stored or f"dessim run {document['experiment']}")


def _provenance(folder: Path, results: Results) -> Iterator[tuple[str, str]]:
    """What the results were made with: versions, engine, seeds, the surroundings of the runs."""
    document = results.document
    points = document["points"]
    yield "dessim", str(document["dessim_version"])
    yield "model", str(document["model_version"])
    for key in ("engine", "seed"):
        yield key, ", ".join(dict.fromkeys(str(point[key]) for point in points))
    yield "points", str(len(points))
    yield "runs", str(sum(point["replications"] for point in points))
    yield from _surroundings(folder).items()
    if "measured" in document:
        yield "measured", str(document["measured"]["source"])


def _surroundings(folder: Path) -> dict[str, str]:
    """What the first stored run says about the machine and the libraries that made it."""
    for digest in _digests(folder / "sweep.json"):
        if not (isinstance(digest, str) and digest.isalnum()):
            continue
        for runs in (folder.parent / "runs", folder / "runs"):
            found = _json(runs / digest / "provenance.json")
            if found is not None:
                return {key: str(found[key]) for key in SURROUNDINGS if key in found}
    return {}


def _digests(path: Path) -> list[Any]:
    """Names of the runs that a sweep's manifest lists; none if they are damaged."""
    with suppress(ValueError, KeyError, TypeError):
        manifest = _json(path)
        return [digest for point in (manifest or {})["points"] for _, digest in point["runs"]]
    return []
