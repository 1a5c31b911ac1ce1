"""What is said to have been compared with measurements."""

import csv
import re
from pathlib import Path

from dessim import registry
from dessim.model.held_against import MACHINES, SCHEMES, held_against_line
from dessim.model.locate import names

ROOT = Path(__file__).parents[2]


def test_each_machine_with_published_rates_is_named() -> None:
    """Machines and kernels of the published tables that are profiles and schemes here."""
    lines = (ROOT / "configs" / "published" / "will-it-scale.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert {row["machine"] for row in rows} <= set(MACHINES)
    assert {"linux_" + row["kernel"].replace(".", "_") for row in rows} <= set(SCHEMES)


def test_all_names_and_pages_exist() -> None:
    """No profile that is gone, no page that nobody can read."""
    assert set(MACHINES) <= set(names("machines"))
    assert all(registry.load(name) for name in SCHEMES if name != "linux")
    for what in (*MACHINES.values(), *SCHEMES.values()):
        page = re.search(r"\((docs/[\w-]+\.md)\)$", what)
        assert page is not None, what
        assert (ROOT / page[1]).is_file(), page[1]


def test_the_line_names_those_that_were_and_those_that_were_not() -> None:
    """And the pages with the errors."""
    line = held_against_line(["epyc-7713-1s", "mine"], ["linux_5_15", "linux_5_15"])
    assert line == (
        "compared with measurements: epyc-7713-1s, linux_5_15; never compared with measurements:"
        " mine (docs/larger-than-memory.md, docs/modern-faults.md)"
    )
    assert held_against_line(["mine"], []).endswith("mine (docs/fidelity.md)")
