"""`base: NAME` in a machine's file: what the file leaves out is the base's, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dessim.cli.main import main
from dessim.model import ConfigError, Machine, load_experiment, load_machine, resolve
from dessim.model.fields import yaml_form
from dessim.model.profile import EXPERIMENT

BASE = "ivybridge-ex-4s"
MINE = """\
base: ivybridge-ex-4s
topology: {cores_per_l3: 8}
cache_line:
  load_modified: {one_hop: 99ns}
kernel: {find_vma: {value: 5ns, range: [1ns, 9ns], tag: measured, source: HERE}}
sources: {HERE: a stop watch}
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    """Return a file with a profile."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(one: Machine, other: Machine) -> set[str]:
    """Sections and keys of two machines that differ, to the second level."""
    a, b = yaml_form(one), yaml_form(other)
    pairs = [(k, n) for k in a if isinstance(a[k], dict) and k != "sources" for n in a[k]]
    return {f"{k}.{n}" for k, n in pairs if a[k][n] != b[k][n]}


def test_only_what_the_file_names_differs_from_the_base(tmp_path: Path) -> None:
    """Neighbours of a value in its section, and in the row of distances, are the base's."""
    base, mine = load_machine(BASE), load_machine(written(tmp_path, MINE))
    differing = {"topology.cores_per_l3", "cache_line.load_modified", "kernel.find_vma"}
    assert changed(base, mine) == differing
    assert mine.cache_line.load_modified.one_hop_ps == 99_000
    assert mine.cache_line.load_modified.same_l3_ps == base.cache_line.load_modified.same_l3_ps
    assert mine.name == "mine"
    assert mine.description == ""
    assert mine.sources == base.sources | {"HERE": "a stop watch"}


def test_each_value_knows_its_profile_and_keeps_its_source(tmp_path: Path) -> None:
    """File, base or neither; a value of the file does not keep the range of the base's."""
    base, mine = load_machine(BASE), load_machine(written(tmp_path, MINE))
    assert mine.origins["kernel.find_vma"] == "mine"
    assert mine.origins["kernel.rmap"] == BASE
    assert "frames.alloc_frame" not in mine.origins
    assert mine.provenance["kernel.rmap"] == base.provenance["kernel.rmap"]
    assert "cache_line.load_modified.one_hop" not in mine.provenance
    own = mine.provenance["kernel.find_vma"]
    assert (own.tag, own.low, own.high, own.note) == ("measured", 1_000, 9_000, None)


def test_a_base_may_have_a_base_and_lie_anywhere(tmp_path: Path) -> None:
    """A path is tried from the folder of the file that names it."""
    (tmp_path / "below").mkdir()
    written(tmp_path / "below", MINE, "first")
    second = "base: below/first.yaml\nkernel: {rmap: 9ns}\n"
    machine = load_machine(written(tmp_path, second, "second"))
    assert machine.kernel.find_vma_ps == 5_000
    origins = [machine.origins[f"kernel.{key}"] for key in ("rmap", "find_vma", "set_pte")]
    assert origins == ["second", "below/first.yaml", BASE]


def test_links_between_sockets_belong_to_a_number_of_sockets(tmp_path: Path) -> None:
    """With other sockets, the base's matrix is left out; without, it is the base's."""
    base = load_machine("westmere-ex-8s")
    assert max(max(row) for row in base.topology.hops) == 2
    two = load_machine(written(tmp_path, "base: westmere-ex-8s\ntopology: {sockets: 2}\n"))
    assert two.topology.hops == ((0, 1), (1, 0))
    same = load_machine(written(tmp_path, "base: westmere-ex-8s\ntopology: {cores_per_l3: 2}\n"))
    assert same.topology.hops == base.topology.hops


def test_a_calibration_is_not_inherited(tmp_path: Path) -> None:
    """It says how numbers vary together that one profile was fitted to."""
    assert load_machine("ivybridge-ex-4s-fitted").calibration is not None
    mine = load_machine(written(tmp_path, "base: ivybridge-ex-4s-fitted\n"))
    assert mine.calibration is None
    assert mine.provenance["smt.user_slowdown"].tag == "fitted"


EXPERIMENT_TEXT = """\
name: one
machine: {machine}
workload: sequential-read
schemes: [no_fault_around]
threads: 1
"""


@pytest.mark.parametrize("place", ["file", "inline"])
def test_an_experiment_takes_a_machine_with_a_base(tmp_path: Path, place: str) -> None:
    """Named or in place, with settings from outside on top, which may change the base's values."""
    written(tmp_path, MINE)
    inline = (
        f"{{name: mine, base: {BASE}, topology: {{cores_per_l3: 8}}, kernel: {{find_vma: 5ns}}}}"
    )
    text = EXPERIMENT_TEXT.replace("{machine}", "mine.yaml" if place == "file" else inline)
    path = written(tmp_path, text, "experiment")
    (point,) = resolve(load_experiment(path, ["machine.kernel.rmap=77ns"]))
    assert point.machine.kernel.rmap_ps == 77_000
    assert point.machine.kernel.find_vma_ps == 5_000
    assert point.machine.origins["kernel.rmap"] == EXPERIMENT
    assert point.machine.origins["kernel.set_pte"] == BASE


def test_what_a_run_is_stored_under_follows_from_the_values_alone(tmp_path: Path) -> None:
    """A profile written in full and the same one as a base with differences are one machine."""
    base = load_machine(BASE)
    mine = load_machine(written(tmp_path, f"name: {BASE}\nbase: {BASE}\nkernel: {{rmap: 15ns}}\n"))
    assert mine == base
    forms = [yaml_form(one) for one in (mine, base)]
    for form in forms:
        form.pop("description")
    assert forms[0].keys() == {"name", "sources"} | {k for k in forms[1] if k != "calibration"}
    text = EXPERIMENT_TEXT.replace("{machine}", "mine.yaml")
    (point,) = resolve(load_experiment(written(tmp_path, text, "experiment")))
    text = EXPERIMENT_TEXT.replace("{machine}", BASE)
    (other,) = resolve(load_experiment(written(tmp_path, text, "experiment")))
    assert point.resolved() == other.resolved() | {"machine": point.resolved()["machine"]}
    other_machine = load_machine(written(tmp_path, MINE.replace("5ns", "6ns"), "other"))
    assert other_machine != load_machine(written(tmp_path, MINE, "other"))


def test_show_says_of_each_value_where_it_comes_from(tmp_path: Path) -> None:
    """The file as it was written, then a table in comments: the text stays a profile."""
    path = written(tmp_path, MINE)
    result = CliRunner().invoke(main, ["show", "machine", str(path)])
    assert result.exit_code == 0
    assert result.output.startswith(MINE)
    rows = {line.split()[1]: line.split()[2:] for line in result.output.splitlines() if " " in line}
    assert rows["kernel.find_vma"] == ["5ns", "measured", "file"]
    assert rows["kernel.rmap"] == ["15ns", "assumed", "base"]
    assert f"#   base: {BASE}\n" in result.output
    assert rows["topology.l3_per_socket"] == ["1", "-", "default"]
    table = result.output.partition("# Where each value")[2].partition("\n\n")[0]
    assert max(len(line) for line in table.splitlines()) <= 80
    assert load_machine(written(tmp_path, result.output)) == load_machine(written(tmp_path, MINE))


def test_a_part_of_a_machine_names_the_profiles_nearest_to_it(tmp_path: Path) -> None:
    """In one error, nearest first: a part of a profile is nearest to that profile."""
    for name in ("graviton2-1s", "epyc-genoa-2s", "westmere-ex-8s"):
        machine = yaml_form(load_machine(name))
        part = f"topology: {{sockets: {machine['topology']['sockets']}}}\nkernel:\n"
        part += f"  exception_entry: {machine['kernel']['exception_entry']}\n"
        part += f"  rmap: {machine['kernel']['rmap']}\n"
        with pytest.raises(ConfigError) as refusal:
            load_machine(written(tmp_path, part))
        (problem,) = refusal.value.problems
        assert f"; the closest: {name}, " in problem.message


def test_a_few_forgotten_keys_are_named_one_by_one(tmp_path: Path) -> None:
    """A file that is meant as complete needs no base."""
    text = Path(__file__).parent / "invalid" / "machine-missing-keys.yaml"
    with pytest.raises(ConfigError) as refusal:
        load_machine(written(tmp_path, text.read_text(encoding="utf-8")))
    assert [p.message for p in refusal.value.problems] == [
        "missing key 'clock'",
        "missing key 'kernel.wakeup'",
    ]
