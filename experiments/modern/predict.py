"""Write predictions of will-it-scale next to this file, and which version of the model made them.

    python experiments/modern/predict.py [MACHINE ...]
    python experiments/modern/predict.py --check

The first makes what is missing or was made by another version, of all profiles without any named:
a machine and kernel at a time, so that it can be stopped and goes on there. The interval of a rate
is 95 % of the model's error on published rates of the same test, which are simulated first.
`--check` simulates nothing: it says whether `predictions.csv` is whole, is what was recorded in
`predictions.json`, and which versions made it; exit code 1 if it is not of one version.
"""

import json
import sys
from pathlib import Path

from dessim.files.tables import csv_text, read_rows
from dessim.files.writing import write_texts
from dessim.study.fidelity.prediction_record import (
    Record,
    by_group,
    entry,
    faults,
    maker,
    name_of,
    settings,
    stale,
)
from dessim.study.fidelity.rate_predictions import (
    MACHINES,
    Group,
    Row,
    groups,
    in_order,
    predict,
    with_intervals,
)
from dessim.study.fidelity.rate_tables import rms_log_errors

TABLE = Path(__file__).with_name("predictions.csv")
RECORD = Path(__file__).with_name("predictions.json")
COMMAND = "python experiments/modern/predict.py"


def load() -> tuple[list[Row], Record]:
    """Return the table and its record; both empty if there are none."""
    rows = read_rows(TABLE) if TABLE.exists() else []
    return rows, json.loads(RECORD.read_text()) if RECORD.exists() else {}


def make(machines: list[str]) -> None:
    """Make what is missing or was made by another version."""
    rows, record = load()
    made_by, wanted = maker(), groups(machines)
    if record.get("errors_made_by") != made_by:
        record = {
            "command": COMMAND,
            "settings": settings(),
            "errors": rms_log_errors(),
            "errors_made_by": made_by,
            "parts": record.get("parts", {}),
        }
    parts = by_group(rows)

    def keep(group: Group, new: list[Row]) -> None:
        parts[group] = new
        record["parts"][name_of(group)] = entry(new, made_by)
        table = in_order(row for part in parts.values() for row in part)
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        write_texts(
            {TABLE.name: csv_text(with_intervals(table, record["errors"])), RECORD.name: text},
            TABLE.parent,
        )
        print(f"{name_of(group)}: {len(new)} rows", flush=True)

    predict(stale(wanted, rows, record), keep)


def check() -> int:
    """Say what is wrong with the table, or which version made it; return the exit code."""
    rows, record = load()
    found = faults(groups(MACHINES), rows, record)
    for text in found:
        print(text)
    if not found:
        (made_by,) = {part["made_by"] for part in record["parts"].values()}
        today = "this one" if made_by == maker() else f"not this one ({maker()})"
        print(f"{len(rows)} rows, all made by version {made_by}: {today}")
    return int(bool(found))


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    make(sys.argv[1:] or list(MACHINES))
