"""The page about faults that write: its table of versions is that of the schemes."""

from pathlib import Path

from dessim.schemes import linux

PAGE = Path(__file__).parents[2] / "docs" / "modern-faults.md"


def test_the_table_of_versions_is_made_from_the_schemes():
    """Each option is a row, each version a column, as the schemes have them."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    said = [line for line in rows if line.split("`")[1] in linux.OPTIONS]
    expected = []
    for option in linux.OPTIONS:
        values = [column[option] for column in linux.COLUMNS.values()]
        cells = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
        expected.append(f"| `{option}` | {' | '.join(cells)} |")
    assert said == expected
