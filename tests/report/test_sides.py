"""Several results on one page."""

import json
import math
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hostile import HOSTILE, poison

from dessim.cli import main
from dessim.report.common.results import ReportError, load_results
from dessim.report.page.moves import answers_of, differences_table, moves_table
from dessim.report.page.render import sides_html
from dessim.report.page.sides import ALIKE, APART, SAME, UNSURE, match, mean_ratios, sides_of

RATE = "pages_mapped_per_s"


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


def changed(folder: Path, to: Path, factor: float = 1.0, machine: str = "") -> Path:
    """Copy results, and multiply the rates of the second scheme; perhaps on another machine."""
    shutil.copytree(folder, to)
    document = json.loads((to / "results.json").read_text())
    for point in document["points"]:
        point["machine"] = machine or point["machine"]
        if point["scheme"] == "gang_lookup_mapcount" and point["metrics"]:
            rate = point["metrics"][RATE]
            rate["mean"] *= factor
            rate["ci95"] = [end * factor for end in rate["ci95"]] if rate["ci95"] else None
    (to / "results.json").write_text(json.dumps(document))
    configuration = json.loads((to / "configuration.json").read_text())
    for row in configuration["machines"][0]["values"]:
        if row["key"] == "kernel.set_pte":
            row["value"] = f"{factor:g} ns"
    (to / "configuration.json").write_text(json.dumps(configuration))
    return to


def read(*folders: Path) -> list:
    """Return the sides of some results."""
    found = []
    for folder in folders:
        configuration = json.loads((folder / "configuration.json").read_text())
        found.append((load_results(folder), configuration))
    return sides_of(folders, found)


def test_points_are_matched_and_what_moved_is_named(reported: Path, tmp_path: Path) -> None:
    """One scheme moves by as much as it was changed, the other is the very same."""
    sides = read(reported, changed(reported, tmp_path / "b", 1.5))
    matching = match(sides)
    assert len(matching.matched) == 16
    assert matching.keys == ("machine.cache_line.hold",)
    for m in matching.matched:
        moved = m.scheme == "gang_lookup_mapcount"
        if m.ratio(RATE) is not None:
            assert m.ratio(RATE) == pytest.approx(1.5 if moved else 1.0)
            sure = all(one["ci95"] for one in m.estimates(RATE))
            assert m.verdict(RATE) == ((APART if sure else UNSURE) if moved else SAME)
    assert mean_ratios(matching, RATE, "gang_lookup_mapcount") == pytest.approx([1, 1.5])
    assert mean_ratios(matching, RATE, "lock_each_page") == [1, 1]
    text = " ".join(answers_of(sides, matching))
    assert "are the very same" in text
    assert "of gang_lookup_mapcount" in text
    assert "+50%" in text


def test_intervals_that_overlap_are_no_move(reported: Path, tmp_path: Path) -> None:
    """A change of a ten-thousandth stays inside: `~`."""
    sides = read(reported, changed(reported, tmp_path / "b", 1.0001))
    verdicts = {m.verdict(RATE) for m in match(sides).matched if m.scheme != "lock_each_page"}
    assert ALIKE in verdicts
    assert APART not in verdicts
    rows = moves_table(sides, match(sides)).rows
    assert any(row[-1].text.startswith("~ ") for row in rows)


def test_machines_are_compared_if_each_result_has_one(reported: Path, tmp_path: Path) -> None:
    """Points are matched across what is the same in all points of a result."""
    other = changed(reported, tmp_path / "b", 2.0, machine="another")
    sides = read(reported, other)
    matching = match(sides)
    assert all(None not in m.points for m in matching.matched)
    table = differences_table(sides)
    assert table is not None
    differ = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert differ["machine.kernel.set_pte"][1] == "2 ns"


def test_names_are_as_long_as_they_differ(reported: Path, tmp_path: Path) -> None:
    """Folders of one name in two places are told by the place; three results have three letters."""
    paths = [changed(reported, tmp_path / one / "x", 1.1) for one in ("old", "new")]
    sides = read(*paths, reported)
    assert [side.name for side in sides][:2] == ["old/x", "new/x"]
    assert [side.letter for side in sides] == ["A", "B", "C"]


def test_a_mean_is_over_points_that_all_have(reported: Path, tmp_path: Path) -> None:
    """A point that is missing in one of them does not count."""
    other = changed(reported, tmp_path / "b", 3.0)
    document = json.loads((other / "results.json").read_text())
    del document["points"][:3]
    (other / "results.json").write_text(json.dumps(document))
    matching = match(read(reported, other))
    assert sum(None in m.points for m in matching.matched) == 3
    both = [
        [one["mean"] for one in m.estimates(RATE) if one]
        for m in matching.matched
        if m.scheme == "gang_lookup_mapcount"
    ]
    logs = [math.log(row[1] / row[0]) for row in both if len(row) == 2]
    ratio = mean_ratios(matching, RATE, "gang_lookup_mapcount")[1]
    assert ratio == pytest.approx(math.exp(sum(logs) / len(logs)))


def test_results_without_a_common_point_are_refused(reported: Path, tmp_path: Path) -> None:
    """There is nothing to show side by side."""
    other = changed(reported, tmp_path / "b")
    document = json.loads((other / "results.json").read_text())
    for point in document["points"]:
        point["threads"] += 100
    (other / "results.json").write_text(json.dumps(document))
    with pytest.raises(ReportError, match="no point is in two of these"):
        match(read(reported, other))
    done = typed("report", reported, other)
    assert done.exit_code == 2
    assert "no point is in two" in done.stderr


def test_the_command_takes_several_results(reported: Path, tmp_path: Path) -> None:
    """It writes one page for them; the same twice, or none, is refused."""
    other, place = changed(reported, tmp_path / "b", 1.2), tmp_path / "both.html"
    done = typed("report", reported, other, "--out", place)
    assert done.exit_code == 0, done.stderr
    text = place.read_text()
    assert "How each point moved" in text
    assert "What differs" in text
    assert text == sides_html([reported, other])
    done = typed("report", reported, reported, "--out", place)
    assert (done.exit_code, "named twice" in done.stderr) == (2, True)
    done = typed("report", reported, "nothing", "--out", place)
    assert (done.exit_code, "no results in 'nothing'" in done.stderr) == (2, True)


def test_hostile_names_are_only_text(reported: Path, tmp_path: Path) -> None:
    """Nothing of what they say becomes an element."""
    bad = poison(reported, tmp_path / "bad")
    worse = shutil.copytree(bad, tmp_path / "worse")
    text = sides_html([bad, worse])
    assert text.count("<script") == 1
    for one in HOSTILE[:4]:
        assert one not in text
