import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main
from dessim.model import load_machine

FIT = ("--fit", "sequential-read:1:0,1,3,4")


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that simulates next to nothing, its table, and a folder for its results."""
    folder = tmp_path_factory.mktemp("calibrate")
    (folder / "table.csv").write_text(
        "# made up\nworkload,threads,order,minor_faults,seconds,note\n"
        "sequential-read,1,baseline,4195437,7.6,\nsequential-read,1,1,2098275,6.5,\n"
        "sequential-read,1,3,525068,5.8,\nsequential-read,1,4,262251,5.7,\n"
        "sequential-read,2,4,524502,5.8,\nsequential-read,2,1,1,1,SUSPECT: made up\n"
    )
    (folder / "small.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
        "simulate: 128KiB\nreplications: 1\n"
    )
    return folder


def calibrate(folder: Path, *words: str | Path) -> Result:
    """`dessim calibrate` of the small experiment on the reference engine."""
    options = ("--data", folder / "table.csv", "--engine", "reference", "--out", folder / "results")
    return typed("calibrate", folder / "small.yaml", *options, *words)


def test_a_profile_is_fitted_written_and_validated(small: Path) -> None:
    """It names its cells; the same command takes all from the store and writes the same bytes."""
    words = (*FIT, "--params", "user.read_page_dram", "--to", small / "own.yaml")
    done = calibrate(small, *words)
    assert done.exit_code == 0, done.output
    assert "user.read_page_dram" in done.stdout
    assert "cost" in done.stderr
    machine = load_machine(small / "own.yaml")
    assert machine.calibration is not None
    assert machine.calibration.cells == tuple(f"sequential-read:1:{n}" for n in (0, 1, 3, 4))
    assert machine.provenance["user.read_page_dram"].tag == "fitted"
    assert machine.user.read_page_dram_ps > 1_050_000  # the table is slower than the profile
    assert "* 1:4" in done.stdout
    assert "  2:4" in done.stdout
    assert "1 parameter, 4 cells of table" in done.stdout.replace("\n", " ")
    before = (small / "own.yaml").read_bytes()
    refused = calibrate(small, *words)
    assert refused.exit_code == 2
    assert "own.yaml exists already: give another --to, or --force to replace it" in refused.stderr
    again = calibrate(small, *words, "--force")
    assert (small / "own.yaml").read_bytes() == before
    assert again.stdout == done.stdout


def test_a_profile_that_appears_during_the_fit_is_not_replaced(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fitted one goes to its usual place, or next to it, and one error names both."""
    monkeypatch.setattr("dessim.cli.calibrate.check_new", lambda *_, **__: None)
    words = (*FIT, "--params", "user.read_page_dram", "-q", "--to")
    usual = small / "results" / "calibrate-small" / "ivybridge-ex-4s-fitted.yaml"
    for to, made in ((small / "late.yaml", usual), (usual, usual.with_stem(f"{usual.stem}-2"))):
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text("precious")
        done = calibrate(small, *words, to)
        assert done.exit_code == 2
        assert f"{to} appeared during the work and is left as it is" in done.stderr
        assert f"the profile is {made}" in done.stderr
        assert to.read_text() == "precious"
        assert load_machine(made).name == made.stem
        made.unlink()
    usual.unlink()


def test_a_profile_may_be_named_like_another_kind_of_value(small: Path) -> None:
    """`1`, `null`: quoted in its file, as `machine new` does."""
    for name in ("1", "null"):
        to = small / f"{name}.yaml"
        done = calibrate(small, *FIT, "--params", "user.read_page_dram", "-q", "--to", to)
        assert done.exit_code == 0, done.output
        assert load_machine(to).name == name


def test_json_holds_fit_and_validation(small: Path) -> None:
    """One document on standard output: numbers, what can be said, folds, errors."""
    words = ("--params", "user.read_page_dram", "--fit", "all", "--cross-validate", "-q")
    done = calibrate(small, *words, "--format", "json")
    document = json.loads(done.stdout)
    path = small / "results" / "calibrate-small" / "calibration.json"
    assert document == json.loads(path.read_text())
    assert len(document["cells"]) == 5
    assert [fold["threads"] for fold in document["cross_validation"]] == [1, 2]
    assert document["unseen"]["sequential-read"] > 0
    [few] = document["largest_left_out"]
    assert few["largest"] == 1
    assert sum(cell["fitted"] for cell in few["cells"]) == 4
    assert document["validation"]["errors"][0]["completion_s"]["fitted"]["cells"] == 5
    assert document["cost"] <= document["cost_before"]
    machine = load_machine(small / "results/calibrate-small/ivybridge-ex-4s-fitted.yaml")
    assert machine.calibration is not None
    assert machine.calibration.unseen == pytest.approx(document["unseen"], rel=1e-4)
    [drift] = machine.calibration.left_out or ()
    assert (drift.largest, drift.threads, drift.cells) == (1, 2, 1)


def test_what_the_data_can_tell_is_told_without_a_fit(small: Path) -> None:
    """`--sensitivity`: reading pages makes up most of the time, random words none of it."""
    words = ("--params", "user.read_page_dram,user.random_word", "--sensitivity")
    done = calibrate(small, *FIT, *words, "--format", "json")
    document = json.loads(done.stdout)
    dram, random = (one["elasticity"] for one in document["parameters"])
    assert all(0.5 < value < 1.1 for value in dram)  # 32 pages of varying costs, scaled
    assert random == [0.0] * 4
    assert document["knowledge"]["carried"] == 1
    table = calibrate(small, *FIT, *words)
    assert "'user.random_word' changes less than the measurements scatter" in table.stdout


def test_too_many_parameters_are_refused_unless_forced(small: Path) -> None:
    """Exit code 2 and no profile: by number before anything runs, by what they do afterwards."""
    target = small / "many.yaml"
    many = ("--params", "user.read_page_dram,kernel.rmap,kernel.set_pte", "--to", target)
    done = calibrate(small, *FIT, *many)
    assert done.exit_code == 2
    assert "3 parameters are too many for 4 fitted cells" in done.output
    two = ("--params", "user.read_page_dram,user.random_word", "--to", target)
    done = calibrate(small, *FIT, *two)
    assert done.exit_code == 2
    assert "the data determine 1 of these 2 parameters" in done.output
    assert not target.exists()
    done = calibrate(small, *FIT, *two, "--underdetermined")
    assert done.exit_code == 0, done.output
    assert "warning: 'user.random_word' changes less" in done.stdout
    assert target.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--params", "kernel.rmaps"], "did you mean 'kernel.rmap'"),
        (["--fit", "sequential-read:2:1"], "no cell of the table matches"),
        (["--set", "machine.kernel.rmap=9ns"], "drop --set machine"),
        (["--to", "profile.txt"], "must end in .yaml"),
        (["--sensitivity", "--cross-validate"], "which fits nothing"),
        (["--sensitivity", "--to", "x.yaml"], "--to has no effect"),
        (["--sensitivity", "--max-steps", "3"], "--max-steps has no effect"),
        (["--force"], "--force needs --to"),
        (["--params", ""], "a name is empty"),
        (["--machine", "ivy"], "no machine is named 'ivy'"),
    ],
)
def test_wrong_words_are_refused(small: Path, words: list[str], said: str) -> None:
    """Exit code 2, with what would do."""
    done = calibrate(small, *words)
    assert done.exit_code == 2
    assert said in done.output
