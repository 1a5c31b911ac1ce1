"""The table of known differences: its numbers, and who refers to them."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"^\| (\d+)([a-z]?) \|", re.MULTILINE)
ROWS = re.compile(r"[Rr]ows? ([\d, toand]+?)(?: of \[deviations\]|\))")


def numbers():
    """Return the number of each row, in order."""
    found = NUMBER.findall((DOCS / "deviations.md").read_text())
    return [(int(number), letter) for number, letter in found]


def test_each_row_has_a_number_of_its_own_in_order():
    """From 1 on without a gap; letters stand for rows that came later."""
    found = numbers()
    assert found == sorted(set(found))
    assert {number for number, _ in found} == set(range(1, found[-1][0] + 1))


def test_pages_refer_to_rows_that_there_are():
    """Lists of rows ascend, and end with one that the table has."""
    there = {number for number, _ in numbers()}
    referring = 0
    for page in sorted(DOCS.glob("*.md")):
        for text in ROWS.findall(" ".join(page.read_text().split())):
            referring += 1
            said = [int(number) for number in re.findall(r"\d+", text)]
            assert said == sorted(set(said)), page
            assert set(said) <= there, page
    assert referring >= 7
