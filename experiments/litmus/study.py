"""The kernel's catalogue of litmus tests, in every memory model.

``python experiments/litmus/study.py`` reads every ``.litmus`` file next to itself, and writes
``verdicts.csv`` and ``table.md`` in some seconds; ``--check`` compares with what is there instead.
The files say what the kernel's files of the same name say, in ``tools/memory-model/litmus-tests``
and ``Documentation/litmus-tests``, with other names of variables; ``docs/races.md`` has the table.
"""

import argparse
import csv
import io
import sys
from pathlib import Path

from dessim.study.check import LitmusError, check_litmus

HERE = Path(__file__).parent
MODELS = ("lkmm", "sc", "tso", "pso")
COLUMNS = ("test", "documented", *MODELS)


def explored(path: Path) -> dict[str, str]:
    """Return the row of a file: its documented result, and what each model says."""
    row = {"test": path.stem}
    for memory in MODELS:
        try:
            found = check_litmus(path, memory)
        except LitmusError as error:
            place = str(error).split(": ")[0].split(":", 1)[1]
            row[memory] = f"refused ({place})"
            continue
        row["documented"], row[memory] = found.test.result, found.result
    row.setdefault("documented", documented(path))
    return row


def documented(path: Path) -> str:
    """Return the result that a file says, also of one that cannot be read."""
    return path.read_text().split("Result: ")[1].split()[0]


def rows() -> list[dict[str, str]]:
    """Return the rows of all files."""
    return [explored(path) for path in sorted(HERE.glob("*.litmus"))]


def as_csv(found: list[dict[str, str]]) -> str:
    """Return rows as the text of a file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


def table(found: list[dict[str, str]]) -> str:
    """Return the table of the note."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for row in found:
        cells = [f"`{row['test']}`", row["documented"]]
        same = row["lkmm"] == row["documented"]
        cells.append(row["lkmm"] if same else f"**{row['lkmm']}**")
        lines.append(f"| {' | '.join((*cells, *(row[memory] for memory in MODELS[1:])))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the files, or compare with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files")
    check = parser.parse_args().check
    found = rows()
    made = {"verdicts.csv": as_csv(found), "table.md": table(found)}
    if check:
        wrong = [name for name, text in made.items() if (HERE / name).read_text() != text]
        print(f"differs: {', '.join(wrong)}" if wrong else "as it was")
        return 1 if wrong else 0
    for name, text in made.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
