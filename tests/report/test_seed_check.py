"""Figures checked with a second seed: chance is borne, and nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dessim.cli import main
from dessim.report.paper.figures import Stored
from dessim.report.paper.tolerance import Row, Tolerance, most_by_chance, other_seed

KEYS = ("threads",)


def rows(n: int, rate: float = 100.0, half: float = 1.0) -> list[Row]:
    """Return rows of one number and its interval."""
    ends = {"rate_lo": str(rate - half), "rate_hi": str(rate + half)}
    return [{"threads": str(i), "rate": str(rate), **ends, "why": ""} for i in range(n)]


def test_numbers_within_both_intervals_agree() -> None:
    """Half-widths of 1 and 1 allow a distance of 2."""
    found = other_seed(rows(50), rows(50, 101.9), KEYS, Tolerance())
    assert (found.compared, found.differ, found.holds) == (50, (), True)


def test_a_few_numbers_may_differ_by_chance() -> None:
    """Of 200, four are borne; with five the expected numbers are those of their seed only."""
    assert most_by_chance(200) == 4
    for wrong, holds in ((4, True), (5, False)):
        found = rows(200)
        for row in found[:wrong]:
            row["rate"] = "200"
        assert other_seed(rows(200), found, KEYS, Tolerance()).holds == holds


@pytest.mark.parametrize(("n", "most"), [(0, 0), (1, 0), (10, 1), (100, 3), (1000, 12)])
def test_what_chance_bears(n: int, most: int) -> None:
    """The binomial law with 0.56 %: at most that many in 99 % of checks."""
    scipy = pytest.importorskip("scipy.stats")
    assert most_by_chance(n) == most
    assert scipy.binom.cdf(most, n, 0.0056) >= 0.99
    assert most == 0 or scipy.binom.cdf(most - 1, n, 0.0056) < 0.99


def test_numbers_of_one_seed_only_are_counted_and_not_compared() -> None:
    """One of twenty may be refused with another seed; five may not."""
    for refused, holds in ((1, True), (5, False)):
        found = rows(20)
        for row in found[:refused]:
            row |= {"rate": "", "rate_lo": "", "rate_hi": ""}
        said = other_seed(rows(20), found, KEYS, Tolerance())
        assert (said.one_sided, said.compared, said.holds) == (refused, 20 - refused, holds)


def test_rows_and_words_are_no_matter_of_chance() -> None:
    """A row that is missing, and another verdict, fail at once."""
    assert not other_seed(rows(20), rows(19), KEYS, Tolerance()).holds
    never = [{**row, "why": "never"} for row in rows(20)]
    sometimes = [{**row, "why": "sometimes"} for row in rows(20)]
    assert not other_seed(never, sometimes, KEYS, Tolerance()).holds


def test_results_of_the_other_seed_lie_apart_and_their_commands_are_told(tmp_path: Path) -> None:
    """Nothing is there: the command has the seed and a folder of its own; `--accept` is refused."""
    call = ["figure", "lock_collapse", "--results-dir", str(tmp_path), "--seed", "2"]
    done = CliRunner().invoke(main, [*call, "--check"])
    assert done.exit_code != 0
    wanted = f"dessim run lock-collapse --seed 2 --out {tmp_path}/seed-2"
    assert wanted in str(done.output) + str(done.exception)
    for words in ([], ["--accept"], ["--check", "--accept"]):
        assert CliRunner().invoke(main, [*call, *words]).exit_code == 2


def test_what_is_not_random_is_read_where_it_always_is(tmp_path: Path) -> None:
    """Verdicts of the explorer have no seed, and the command that makes them no option for it."""
    (tmp_path / "check").mkdir()
    (tmp_path / "check" / "verdicts.json").write_text("[]")
    stored = Stored(tmp_path, 2)
    assert stored.has("check/verdicts.json")
    assert stored.json("check/verdicts.json") == []
    assert not stored.has("lock-collapse")
    usual = "dessim check --format json > results/check/verdicts.json"
    assert stored.command(usual) == usual
