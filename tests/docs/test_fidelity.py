"""The tables of docs/fidelity.md come from stored results."""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fidelity.md"
SCRIPT = ROOT / "experiments" / "fidelity.py"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only a checkout has the documentation")


def test_tables_are_put_in_their_places(shell, tmp_path) -> None:
    """Whole commands on a small table: the tables replace what was there, all else stays."""
    (tmp_path / "fault-around-2014.csv").write_text(
        "workload,threads,order,minor_faults,seconds,note\nseq_16GiB,1,4,262251,5.488488147,\n"
        "seq_16GiB,2,4,524502,5.6,SUSPECT: made up\nseq_16GiB,1,9,8282,5.1,\n"
    )
    (tmp_path / "small.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
        "simulate: 128KiB\nreplications: 1\nname: small\n"
    )
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    common = "small.yaml --data fault-around-2014.csv --engine reference"
    for command in (
        f"dessim validate {common}",
        f"dessim calibrate {common} --params user.read_page_dram --fit all --cross-validate",
        "dessim validate --data sosp13-synchronization --only lock_mcs --replications 1"
        " --engine reference --no-figure",
        f"python '{SCRIPT}' results page.md",
    ):
        done = shell(command, tmp_path)
        assert done.returncode == 0, done.stderr
    text = page.read_text()
    for words in (
        r"\| sequential-read \| seconds \| [\d.]+ % \(2\)",
        r"\| sequential-read:2:4 \? \| 5.6 \|",
        r"\| figure 5, opteron48, lock_mcs \| [\d.]+ % \(14\) \|.*\| no \| `hold` 0 ns, ",
        r"\| `user.read_page_dram` \| 1050ns \|",
        r"Step 1\. Fitted cells: sequential-read:1:4, sequential-read:1:9\.",
    ):
        assert re.search(words, text), words
    before, after = (re.sub(r"(?s)<!-- table.*?<!-- end", "", t) for t in (PAGE.read_text(), text))
    assert after == before


def test_results_that_are_not_there_are_told(shell, tmp_path) -> None:
    """Exit code 1 and the command to run, unless the predictions alone are there."""
    (tmp_path / "page.md").write_text(PAGE.read_text())
    done = shell(f"python '{SCRIPT}' nowhere page.md", tmp_path)
    if not (ROOT / "experiments" / "fault-around-2014" / "predictions.json").exists():
        assert done.returncode == 1
        assert "dessim validate" in done.stderr


def test_predictions_on_record_are_those_of_the_profile() -> None:
    """Every cell that nobody gave, inside its interval, made with the fitted profile."""
    folder = ROOT / "experiments" / "fault-around-2014"
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    cells = {(row["workload"], row["threads"], row["order"]) for row in rows}
    orders = ("baseline", "1", "3", "4", "5", "7", "9")
    asked = {("seq_16GiB", "60"), ("seq_16GiB", "120")}
    many = ("rand_1GiB", "touch_one_page_per_2MiB_16GiB")
    asked |= {(workload, threads) for workload in many for threads in ("32", "60", "120")}
    assert cells == {(*one, order) for one in asked for order in orders}
    for row in rows:
        assert float(row["seconds_lo"]) < float(row["seconds"]) < float(row["seconds_hi"])
    document = json.loads((folder / "predictions.json").read_text())
    assert document["machine"] == "ivybridge-ex-4s-fitted"


def test_the_tables_of_the_thread_come_from_its_experiment(shell, tmp_path) -> None:
    """Ratios with intervals from results of the same four contenders; the page stays otherwise."""
    page = ROOT / "docs" / "thread-2014.md"
    (tmp_path / "page.md").write_text(page.read_text())
    (tmp_path / "small.yaml").write_text(
        "name: small\nmachine: ivybridge-ex-4s-fitted\nworkload: separate-processes\n"
        "schemes: [lock_each_page, radix_walk_trylock, gang_lookup_mapcount,"
        " {gang_lookup_mapcount: {precheck: true}}]\nthreads: 3\nfault_around_order: 1\n"
        "simulate: 2MiB\nreplications: 3\n"
    )
    script = SCRIPT.with_name("thread_2014.py")
    for command in (
        "dessim run small.yaml --engine reference -q",
        f"python '{script}' results/small/results.json page.md",
    ):
        done = shell(command, tmp_path)
        assert done.returncode == 0, done.stderr
    text = (tmp_path / "page.md").read_text()
    assert re.search(r"\| separate-processes \| 3 \| (\+[\d.]+ % |~ )\[\+?-?[\d.]+, ", text)
    before, after = (re.sub(r"(?s)<!-- table.*?<!-- end", "", t) for t in (page.read_text(), text))
    assert after == before
