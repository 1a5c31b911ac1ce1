"""The tables of docs/fidelity.md come from stored results."""

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
        r"\| figure 5, opteron48, lock_mcs \| [\d.]+ % \(14\) \|.*\| yes \|",
        r"\| `user.read_page_dram` \| 1050ns \|",
        r"Fitted cells: sequential-read:1:4, sequential-read:1:9\.",
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
