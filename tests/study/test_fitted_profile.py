from pathlib import Path

import pytest

from dessim.model import Calibration, ConfigError, LeftOut, find, load_machine
from dessim.study.fidelity.calibration import joined
from dessim.study.fidelity.fitted_profile import Fitted, fitted_profile, rebased
from dessim.study.fidelity.parameters import value_of

MACHINE = load_machine("ivybridge-ex-4s")
TEXT = find("machines", "ivybridge-ex-4s").read_text()
RECORD = Calibration(
    data="fault-around-2014",
    cells=("sequential-read:1:0", "sequential-read:8:4"),
    parameters=("kernel.rmap", "cache_line.hold"),
    covariance=((0.01, -0.002), (-0.002, 0.04)),
    unseen={"sequential-read": 0.05},
)
NUMBERS = {
    "kernel.rmap": Fitted(16_580, (15_000, 18_300)),
    "cache_line.hold": Fitted(12_000, None),
}


def written(folder: Path, text: str, name: str = "new") -> Path:
    """Return a file with a profile."""
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_fitted_numbers_stand_in_their_places(tmp_path: Path) -> None:
    """Value, tag and record are new; range and source stay; the note tells interval and origin."""
    text = fitted_profile(TEXT, MACHINE, NUMBERS, "new", RECORD)
    machine = load_machine(written(tmp_path, text))
    assert machine.name == "new"
    assert machine.calibration == RECORD
    assert value_of(machine, "kernel.rmap") == 16_580
    before, after = (m.provenance["kernel.rmap"] for m in (MACHINE, machine))
    assert after.tag == "fitted"
    assert (after.low, after.high, after.source) == (before.low, before.high, before.source)
    note = str(after.note)
    assert note.startswith("95 % interval 15ns to 18.3ns; was 15ns (assumed): about 50 cycles")
    assert "the data do not bound it; was 15ns" in str(machine.provenance["cache_line.hold"].note)


def test_all_else_stays_as_it_was_written(tmp_path: Path) -> None:
    """Comments, other numbers, and their sources: only three places and the end differ."""
    text = fitted_profile(TEXT, MACHINE, NUMBERS, "new", RECORD)
    machine = load_machine(written(tmp_path, text))
    same = {path: p for path, p in MACHINE.provenance.items() if path not in NUMBERS}
    assert {path: p for path, p in machine.provenance.items() if path not in NUMBERS} == same
    comments = [line for line in TEXT.splitlines() if line.strip().startswith("#")]
    assert [line for line in text.splitlines() if line.strip().startswith("#")] == comments


def test_a_second_fit_replaces_the_first(tmp_path: Path) -> None:
    """The note still tells what the sources gave, and there is one record."""
    first = fitted_profile(TEXT, MACHINE, NUMBERS, "one", RECORD)
    machine = load_machine(written(tmp_path, first))
    numbers = {"kernel.rmap": Fitted(20_000, (19_000, 21_000))}
    record = RECORD.model_copy(update={"parameters": ("kernel.rmap",), "covariance": ((0.1,),)})
    second = fitted_profile(first, machine, numbers, "two", record)
    machine = load_machine(written(tmp_path, second))
    assert machine.calibration == record
    assert str(machine.provenance["kernel.rmap"].note).startswith(
        "95 % interval 19ns to 21ns; was 15ns (assumed): about 50 cycles"
    )
    assert second.count("\ncalibration:") == 1


def test_a_number_that_was_left_out_is_written_behind_the_others(tmp_path: Path) -> None:
    """A default that was fitted gets its own line in its section, with its range."""
    line = next(line for line in TEXT.splitlines() if line.startswith("  time_slice:"))
    without = TEXT.replace(f"{line}\n", "")
    machine = load_machine(written(tmp_path, without, "without"))
    numbers = {"kernel.time_slice": Fitted(5_000_000_000, None)}
    record = RECORD.model_copy(update={"parameters": tuple(numbers), "covariance": ((0.1,),)})
    text = fitted_profile(without, machine, numbers, "new", record)
    fitted = load_machine(written(tmp_path, text))
    assert fitted.kernel.time_slice_ps == 5_000_000_000
    origin = fitted.provenance["kernel.time_slice"]
    assert (origin.tag, origin.low, origin.high) == ("fitted", 3_000_000_000, 12_000_000_000)
    assert set(without.splitlines()) - set(text.splitlines()) == {"name: ivybridge-ex-4s"}


def test_a_file_with_a_base_gets_what_was_fitted_and_no_more(tmp_path: Path) -> None:
    """In a section in either style, in a new one, and in one within another; the base is found."""
    (tmp_path / "below").mkdir()
    base = written(tmp_path / "below", TEXT, "base")
    based = "base: ./below/base.yaml\nkernel: {find_vma: 5ns}\nuser:\n  touch_word: 9ns\n"
    machine = load_machine(written(tmp_path, based, "mine"))
    paths = ("kernel.rmap", "user.random_word", "tlb.page_walk", "cache_line.rmw_shared.same_l3")
    numbers = {path: Fitted(value_of(machine, path) + 1, None) for path in paths}
    record = RECORD.model_copy(
        update={"parameters": paths, "covariance": tuple((0.1,) * 4 for _ in paths)}
    )
    text = fitted_profile(rebased(based, tmp_path), machine, numbers, "1", record)
    (tmp_path / "elsewhere").mkdir()
    fitted = load_machine(written(tmp_path / "elsewhere", text, "1"))
    assert fitted.name == "1", "a text, and no number"
    for path in paths:
        assert value_of(fitted, path) == value_of(machine, path) + 1, path
        assert fitted.provenance[path].tag == "fitted"
    own = {path for path, origin in fitted.origins.items() if origin == "1"}
    assert own == {*paths, "kernel.find_vma", "user.touch_word"}
    assert str(base) in text


def test_a_record_must_fit_its_parameters(tmp_path: Path) -> None:
    """A covariance of another size is refused at its place."""
    text = fitted_profile(TEXT, MACHINE, NUMBERS, "new", RECORD)
    broken = text.replace('["kernel.rmap", "cache_line.hold"]', '["kernel.rmap"]')
    with pytest.raises(ConfigError, match="must be a matrix of 1 x 1"):
        load_machine(written(tmp_path, broken))


def test_what_was_left_out_stands_in_the_record(tmp_path: Path) -> None:
    """One line each, read back as it was; more threads than were kept, or it is refused."""
    drifts = (
        LeftOut(workload="a: b", largest=1, threads=8, cells=7, seconds=0.0125, faults=0.5),
        LeftOut(workload="sequential-read", largest=8, threads=32, cells=7, seconds=0.0),
    )
    record = RECORD.model_copy(update={"left_out": drifts})
    text = fitted_profile(TEXT, MACHINE, NUMBERS, "new", record)
    machine = load_machine(written(tmp_path, text))
    assert machine.calibration == record
    numbers = {"kernel.rmap": Fitted(20_000, (19_000, 21_000))}
    again = fitted_profile(text, machine, numbers, "two", RECORD)
    assert load_machine(written(tmp_path, again)).calibration == RECORD
    broken = text.replace("largest: 8, threads: 32", "largest: 32, threads: 8")
    with pytest.raises(ConfigError, match="8 threads are not more than the 32 that were kept"):
        load_machine(written(tmp_path, broken))


def test_a_profile_that_is_fitted_again_keeps_what_was_not() -> None:
    """Parameters of both fits, those in common from the later one, and all fitted cells."""
    drift = LeftOut(workload="w", largest=1, threads=8, cells=7, seconds=0.01)
    earlier = RECORD.model_copy(update={"left_out": (drift,)})
    new = Calibration(
        data="fault-around-2014",
        cells=("sequential-read:8:4", "random-read:1:0"),
        parameters=("cache_line.hold", "user.random_word"),
        covariance=((0.09, 0.01), (0.01, 0.16)),
    )
    both = joined(earlier, new)
    assert both.cells == ("sequential-read:1:0", "sequential-read:8:4", "random-read:1:0")
    assert both.parameters == ("kernel.rmap", "cache_line.hold", "user.random_word")
    assert both.covariance == ((0.01, 0.0, 0.0), (0.0, 0.09, 0.01), (0.0, 0.01, 0.16))
    assert both.unseen == RECORD.unseen
    assert both.left_out == (drift,)
    assert joined(None, new) == new
    assert joined(RECORD.model_copy(update={"data": "another"}), new) == new
