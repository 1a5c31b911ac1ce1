"""Small results that several tests look at."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))  # `hostile` is found: test folders are no packages

EXPERIMENT = """\
name: small-report
description: Does the second scheme overtake the first?
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
matrix: {threads: [1, 2, 4, 6], machine.cache_line.hold: [0ns, 20ns]}
fault_around_order: 2
simulate: 256KiB
replications: 2
"""


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory, run_compiled: object) -> Path:
    """Results with several panels, comparisons, laws of scaling and a configuration."""
    from dessim.cli import main

    folder = tmp_path_factory.mktemp("reported")
    (folder / "small.yaml").write_text(EXPERIMENT)
    words = ["run", str(folder / "small.yaml"), "-q", "--out", str(folder / "results")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.stderr
    (folder / "results" / "small-report" / "seals.json").unlink()  # tests edit copies of it
    return folder / "results" / "small-report"
