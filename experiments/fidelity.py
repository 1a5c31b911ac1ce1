"""Put the tables of docs/fidelity.md in their places, from stored results.

    dessim validate --machine ivybridge-ex-4s-fitted
    dessim validate --out results/literature
    dessim validate --data sosp13-synchronization
    dessim calibrate fault-around-2014 ... --cross-validate [--out results/step-N]
    dessim validate --only sequential-read --set machine.KEY=VALUE --out results/without/KEY=VALUE
    python experiments/fidelity.py [RESULTS [PAGE]]

reads what these commands (and `dessim predict`) wrote under RESULTS (default:
results) and replaces what stands between `<!-- table NAME -->` and `<!-- end NAME -->` in PAGE.
A table whose results are not there stays as it is.

    python experiments/fidelity.py --literature

writes the errors by which predictions of a profile without a record of its own are widened, from
the expected numbers of the figure `published_table` (machine `ivybridge-ex-4s`, nothing fitted).
"""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dessim.study.fidelity.coverage import of_curves, of_fits, of_table
from dessim.study.fidelity.extrapolation import LITERATURE
from dessim.study.fidelity.validation import FAULTS, SECONDS

Document = dict[str, Any]
TABLE = "validate-fault-around-2014/validation.json"
EXPECTED = Path(__file__).with_name("expected") / "published_table.csv"
PREDICTIONS = Path(__file__).with_name("fault-around-2014") / "predictions.json"
QUANTITIES = {
    "completion_s": "seconds",
    "minor_faults": "minor faults",
    "excess_faults": "excess faults",
}


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown: the first column to the left, numbers to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(log_error: float | None) -> str:
    """Return a logarithmic error as a signed percentage."""
    return "" if log_error is None else f"{math.expm1(log_error) * 100:+.1f} %"


def mean(error: Document | None) -> str:
    """Return a mean absolute error with the number of cells."""
    if error is None:
        return ""
    return f"{error['mean_abs_log_error'] * 100:.1f} % ({error['cells']})"


def errors(document: Document) -> str:
    """Errors by workload: all cells, the greatest, the fitted and the unseen."""
    rows = []
    for group in document["errors"]:
        for quantity, word in QUANTITIES.items():
            parts = group[quantity]
            if parts["all"] is not None:
                worst = parts["all"]["max_abs_log_error"]
                where = parts["all"]["worst_cell"].partition(":")[2]
                said = f"{worst * 100:.1f} % at {where}"
                each = [mean(parts[name]) for name in ("all", "fitted", "unseen")]
                rows.append([group["workload"], word, each[0], said, *each[1:]])
    head = ["workload", "quantity", "mean abs. ln error (cells)", "greatest", "fitted", "unseen"]
    return f"Machine `{document['machine']}`.\n\n" + markdown(head, rows)


def cells(document: Document) -> str:
    """Every cell; fitted ones with an asterisk, doubtful ones with a question mark."""
    rows = []
    for cell in document["cells"]:
        seconds, faults = cell["completion_s"], cell.get("minor_faults")
        excess = cell.get("excess_faults") or {"compared": False}
        marks = (" *" if cell["fitted"] else "") + (" ?" if cell["doubtful"] else "")
        row = [f"{cell['cell']}{marks}", f"{seconds['measured']:.4g}"]
        row += [f"{seconds['simulated']:.4g}", percent(seconds["log_error"])]
        row += [f"{faults['measured']:.0f}", f"{faults['simulated']:.0f}"] if faults else ["", ""]
        compared = excess["compared"] and excess["log_error"] is not None
        row.append(f"{math.exp(excess['log_error']):.2f}" if compared else "")
        rows.append(row)
    head = ["cell", "measured s", "simulated s", "error", "measured faults", "simulated faults"]
    return markdown([*head, "factor of excess"], rows)


def without(results: Path) -> str:
    """Sequential reads with one number of the machine changed, a row for each folder."""
    rows = []
    for path in sorted(results.glob(f"without/*/{TABLE}")):
        document = json.loads(path.read_text(encoding="utf-8"))
        (group,) = document["errors"]
        signed = [
            [one["completion_s"]["log_error"] for one in document["cells"] if many(one) == more]
            for more in (False, True)
        ]
        row = [f"`{path.parents[1].name}`"]
        row += [mean(group[quantity]["all"]) for quantity in QUANTITIES]
        rows.append([*row, *(percent(sum(errors) / len(errors)) for errors in signed)])
    head = ["sequential reads", *QUANTITIES.values(), "mean error, 1 thread", "8 to 120 threads"]
    return markdown(head, rows)


def many(cell: Document) -> bool:
    """Return whether a cell has more than one thread."""
    return int(cell["cell"].split(":")[1]) > 1


def curves(document: Document) -> str:
    """Errors of the curves of lines and locks."""
    rows = []
    for group in document["errors"]:
        one, unseen = group["value"]["all"], group["value"]["unseen"]
        if one is None:
            continue
        worst, threads = one["max_abs_log_error"], one["worst_cell"].rpartition(":")[2]
        said = f"{worst * 100:.1f} % at {threads}"
        (numbers,) = {
            settings(cell["settings"])
            for cell in document["cells"]
            if cell["curve"] == group["curve"]
        }
        rows.append([group["curve"], mean(one), said, "yes" if unseen else "no", numbers])
    head = ["curve", "mean abs. ln error (points)", "greatest", "unseen", "not as in the profile"]
    table = markdown(head, rows)
    missing = [f"`{name}`: {reason}." for name, reason in document["not_simulated"].items()]
    return "\n\n".join([table, *(["Not simulated: " + " ".join(missing)] if missing else [])])


def settings(changed: Document) -> str:
    """Numbers of the machine that a curve is simulated with instead of those of its profile."""
    shown = {
        key: f"{value / 1000:g} ns" if key.endswith(("hold", "per_waiter")) else value
        for key, value in changed.items()
    }
    if "cache_line.arbitration_share" in shown:
        shown["cache_line.arbitration_share"] = f"{shown['cache_line.arbitration_share'] / 1e4:g} %"
    return ", ".join(f"`{key.partition('.')[2]}` {value}" for key, value in shown.items())


def calibrations(results: Path) -> list[Document]:
    """Return what fits found: of several steps, each in a folder of its own, in their order."""
    files = sorted(results.glob("calibrate-*/calibration.json"))
    return [read(path) for path in files or sorted(results.glob("step-*/*/calibration.json"))]


def fitted(steps: list[Document]) -> str:
    """Fitted numbers, the cells they were fitted to, and what to doubt."""
    rows: dict[str, list[str]] = {}
    for step in steps:
        for parameter in step["parameters"]:
            for one in parameter["numbers"]:
                interval = " to ".join(one["ci95"]) if one["ci95"] else "not bounded"
                bound = f" (at its {parameter['at_bound']} end)" if parameter["at_bound"] else ""
                before = rows[one["path"]][1] if one["path"] in rows else one["before"]
                row = [f"`{one['path']}`", before, one["value"] + bound, interval]
                rows[one["path"]] = [*row, " to ".join(one["range"])]
    head = ["number", "before", "fitted", "95 % interval", "range of sources"]
    words = [markdown(head, rows.values())]
    for number, step in enumerate(steps, start=1):
        condition = step["after"]["condition"]
        words += [
            f"Step {number}. Fitted cells: {', '.join(step['cells'])}."
            f" Cost {step['cost_before']:.1f} before, {step['cost']:.1f} after, with"
            f" {step['degrees_of_freedom']} degrees of freedom; condition number"
            f" {'infinite' if condition is None else f'{condition:.0f}'}.",
            *(f"* {text}" for text in step["warnings"]),
        ]
    return "\n\n".join(words)


def crossed(steps: list[Document]) -> str:
    """Errors of cells whose number of threads was left out of the fit."""
    document = next((step for step in steps if step["cross_validation"]), None)
    if document is None:
        return "No number of threads was left out (`--cross-validate`)."
    rows = []
    for fold in document["cross_validation"]:
        error = fold["error"]
        if error is not None:
            worst = f"{error['max_abs_log_error'] * 100:.1f} % at {error['worst_cell']}"
            rows.append([str(fold["threads"]), mean(error), worst])
    return markdown(["threads left out", "mean abs. ln error (cells)", "greatest"], rows)


def coverage(results: Path) -> str:
    """How many measured cells lie in their intervals when the largest threads are left out."""
    literature = results / "literature" / TABLE
    curve = results / "validate-sosp13-synchronization" / "validation.json"
    fits = [step["largest_left_out"] for step in calibrations(results)]
    rows: list[list[str]] = []
    if literature.is_file():
        rows += covered("nothing fitted", of_table(read(literature)["cells"]))
    for folds in filter(None, fits):
        rows += covered("fitted", of_fits([(one["largest"], one["cells"]) for one in folds]))
    if curve.is_file():
        rows += covered("curve", of_curves(read(curve)["cells"]))
    head = ["what", "workload", "kept up to", "predicted", "greatest error", "held before"]
    return markdown([*head, "held now", "interval before", "interval now"], rows)


def covered(what: str, found: list[Document]) -> list[list[str]]:
    """Rows of one kind, and their sum."""
    rows = []
    for one in found:
        low, high = one["threads"]
        said = f"{one['cells']} with {low}" + (f" to {high}" if high > low else "")
        rows.append([what, one["workload"], str(one["largest"]), said])
        rows[-1] += [percent(one["max_abs_log_error"]).lstrip("+")]
        rows[-1] += [f"{one[f'held_{when}']} of {one['cells']}" for when in ("before", "after")]
        rows[-1] += [factors(one[f"half_width_{when}"]) for when in ("before", "after")]
    total = sum(one["cells"] for one in found)
    sums = [sum(one[f"held_{when}"] for one in found) for when in ("before", "after")]
    all_of_it = ["**all**", what, "", str(total), ""]
    return [*rows, [*all_of_it, *(f"{held} of {total}" for held in sums), "", ""]] if rows else []


def factors(half_width: float) -> str:
    """Return an interval of a logarithm as factors of the value."""
    return f"{math.exp(-half_width):.2f} to {math.exp(half_width):.2f}"


def read(path: Path) -> Document:
    """Return a stored document."""
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def predictions(document: Document) -> str:
    """Predictions with their intervals, and what was measured; with an asterisk if fitted to it."""
    rows = []
    for one in document["predictions"]:
        seconds, faults = one["completion_s"], one["minor_faults"]["value"]
        low, high = seconds["ci95"]
        interval = f"{low:.4g} to {high:.4g}"
        known = one.get("measured")
        said = f"{known['completion_s']:.4g} s{' *' * known['fitted']}" if known else ""
        rows.append([one["cell"], f"{seconds['value']:.4g}", interval, f"{faults:.0f}", said])
    return markdown(["cell", "seconds", "95 % interval", "minor faults", "measured"], rows)


def tables(results: Path) -> dict[str, str]:
    """Return all tables whose results are there, by name."""
    wanted: dict[str, tuple[Path | None, Callable[[Document], str]]] = {
        "literature": (results / "literature" / TABLE, errors),
        "errors": (results / TABLE, errors),
        "cells": (results / TABLE, cells),
        "curves": (results / "validate-sosp13-synchronization" / "validation.json", curves),
        "predictions": (PREDICTIONS, predictions),
    }
    found = {
        name: make(json.loads(path.read_text(encoding="utf-8")))
        for name, (path, make) in wanted.items()
        if path is not None and path.is_file()
    }
    steps = calibrations(results)
    if steps:
        found |= {"fitted": fitted(steps), "crossed": crossed(steps)}
    if len({"literature", "curves"} & set(found)) == 2:
        found["coverage"] = coverage(results)
    if any(results.glob(f"without/*/{TABLE}")):
        found["without"] = without(results)
    return found


def put(page: str, name: str, table: str) -> str:
    """Return a page with a table in its place."""
    place = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not place.search(page):
        sys.exit(f"the page has no place for table {name!r}")
    return place.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page)


def literature(expected: Path) -> list[Document]:
    """Errors of the cells of a drawn table; empty where the simulation refuses a number."""
    with expected.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    place = ("workload", "threads", "fault_around_order")
    return [
        {name: row[name] for name in place}
        | {
            name: log_error(row[f"simulated_{name}"], row[f"measured_{name}"])
            for name in (SECONDS, FAULTS)
        }
        | {"doubtful": row["doubtful"]}
        for row in rows
    ]


def log_error(simulated: str, measured: str) -> str:
    """Logarithm of simulated over measured; empty where one of them is."""
    if not simulated or not measured:
        return ""
    return f"{math.log(float(simulated) / float(measured)):.6f}"


def write_literature() -> None:
    """Write them where predictions look for them."""
    found = literature(EXPECTED)
    with LITERATURE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{LITERATURE}: {len(found)} cells")


def main(results: Path, page: Path) -> None:
    """Replace the tables of a page."""
    found = tables(results)
    if not found:
        sys.exit(f"no results in {results}: run `dessim validate` first")
    text = page.read_text(encoding="utf-8")
    for name, table in found.items():
        text = put(text, name, table)
    page.write_text(text, encoding="utf-8")
    print(f"{page}: {', '.join(found)}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--literature"]:
        write_literature()
        sys.exit()
    given = [Path(word) for word in sys.argv[1:]]
    defaults = [Path("results"), Path(__file__).parents[1] / "docs" / "fidelity.md"]
    main(*[*given, *defaults[len(given) :]])
