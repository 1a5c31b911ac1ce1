import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main

COLUMNS = "workload,threads,order,seconds,seconds_lo,seconds_hi,minor_faults"


def predict(folder: Path, *words: str | Path) -> Result:
    """`dessim predict` of an experiment that simulates next to nothing."""
    (folder / "table.csv").write_text(
        "workload,threads,order,minor_faults,seconds,note\n"
        "seq_16GiB,1,baseline,4195437,7.2,\nseq_16GiB,1,4,262251,5.5,\n"
    )
    (folder / "small.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
        "simulate: 128KiB\nreplications: 1\n"
    )
    options = ("--data", folder / "table.csv", "--engine", "reference", "--out", folder / "results")
    words = ("predict", folder / "small.yaml", *options, *words)
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_table_and_its_details_are_written(tmp_path: Path) -> None:
    """In the columns of the mail; what is printed is what is written; again from the store."""
    words = ("--cells", "sequential-read:2,3:baseline,4", "--simulate", "256KiB")
    done = predict(tmp_path, *words, "--to", tmp_path / "own.csv")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "own.csv").read_text()
    assert done.stdout == text
    assert text.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(text.splitlines()))
    cells = [(row["workload"], row["threads"], row["order"]) for row in rows]
    assert cells == [("seq_16GiB", n, order) for n in ("2", "3") for order in ("baseline", "4")]
    details = json.loads((tmp_path / "own.json").read_text())
    assert details["fitted_cells"] == []
    assert "log-normal" in details["method"]
    again = predict(tmp_path, *words, "--to", tmp_path / "own.csv", "--format", "json")
    assert json.loads(again.stdout) == details
    assert "4 were stored already" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cells", "sequential-read:2"], "does not say which cells"),
        (["--cells", "sleep:2:4"], "no workload is named 'sleep'"),
        (["--to", "own.txt"], "must end in .csv"),
    ],
)
def test_wrong_words_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    """Exit code 2, with what would do."""
    done = predict(tmp_path, *words)
    assert done.exit_code == 2
    assert said in done.output
