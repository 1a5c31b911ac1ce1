"""Write predictions of will-it-scale next to this file, and go on where the table ends.

``python experiments/modern/predict.py [MACHINE ...]``; all profiles without any. The interval of a
rate is 95 % of the model's error on published rates of the same test, which are simulated first.
"""

import sys
from pathlib import Path

from dessim.files.tables import csv_text, read_rows
from dessim.files.writing import write_texts
from dessim.study.fidelity.rate_predictions import MACHINES, Row, predict, with_intervals
from dessim.study.fidelity.rate_tables import rms_log_errors

TABLE = Path(__file__).with_name("predictions.csv")
OFTEN = 20  # rows between two times that the table is written


def write(rows: list[Row]) -> None:
    """Write the table."""
    write_texts({TABLE.name: csv_text(rows)}, TABLE.parent)


def keep(rows: list[Row]) -> None:
    """Write the table from time to time."""
    if len(rows) % OFTEN == 0:
        write(rows)


if __name__ == "__main__":
    errors = rms_log_errors()
    known = read_rows(TABLE) if TABLE.exists() else []
    write(with_intervals(predict(sys.argv[1:] or MACHINES, known, keep), errors))
