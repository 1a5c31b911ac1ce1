"""Read-around as measured: it asks for a window, and the device reads what is missing of it."""

import csv
import re
from pathlib import Path

import pytest
from paging_labs import paging_lab

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.commands import command_at
from dessim.kernel.paging_words import read_window

FILE = Path(__file__).parents[2] / "configs" / "published" / "readahead-misc.csv"
KIB_A_PAGE = 4


def rows(test):
    """Return the published rows of a test, by a part of its name."""
    with FILE.open(newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [row for row in csv.DictReader(lines) if test in row["test"]]


def sizes():
    """Return KiB that read-around asked for and that the disk read, of a sequential reader."""
    found = []
    for row in rows("read-around"):
        asked, real = (re.search(r"(\d+) KiB", row[key]) for key in ("test", "note"))
        found.append((int(asked[1]), int(real[1])))
    return found


def test_the_file_holds_two_sizes():
    """128 KiB asked and 64 read, 256 and 128."""
    assert sizes() == [(128, 64), (256, 128)]


@pytest.mark.parametrize(("asked", "real"), sizes())
def test_a_sequential_reader_makes_read_around_read_half_of_what_it_asks_for(asked, real):
    """A miss behind what is cached: half of the window is there; the rest is one command."""
    size = asked // KIB_A_PAGE
    program = (Step("plan_sync", 0), *read_window("measured"))
    lab = paging_lab(*program, pages=256, window=size, cached=0.0)
    page = 128
    for before in range(lab.w[lay.H_PAGES]):
        lab.flag(before, lay.FLAG_OURS, before < page)
    lab.on_page(0, page)
    queue = lab.w[lab.w[lay.H_PAGING] + lay.G_DEVICE] + lay.Q_HEAD
    now = 0
    while lab.w[queue] == 0:
        now = lab.go(0, now)
    command = command_at(lab.w, lab.w[queue])
    assert lab.w[command + lay.J_FIRST] == page
    assert lab.w[command + lay.J_PAGES] == real // KIB_A_PAGE
