"""Declarations of costs: what a profile may leave out, where its number then comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner

from dessim.cli import main
from dessim.model import Machine, load_machine, names
from dessim.model.costs import WORK_CV, Cost, KernelCosts, declared
from dessim.model.errors import Source
from dessim.model.fields import Time
from dessim.model.machine import left_out
from dessim.model.provenance import Default
from dessim.model.yaml_loader import parse_document

VALID = Path(__file__).parent / "valid"
ZAP = Default("assumed", "about 40 cycles", source="a guess", low=5_000, high=20_000)
DECLARED = list(declared(Machine))


class MoreKernelCosts(KernelCosts):
    """The kernel's costs and one that no profile names."""

    zap_ps: Annotated[Time, Cost("lookup"), ZAP] = 12_000
    """Zap it."""


class MoreMachine(Machine):
    """A machine that has it."""

    kernel: MoreKernelCosts


def shown(*words: str | Path) -> str:
    """What `dessim show machine` prints."""
    done = CliRunner().invoke(main, ["show", "machine", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", names("machines"))
def test_a_profile_need_not_name_a_new_cost(name: str) -> None:
    """It gets the declared number, with tag, source, range and note; the others stay as named."""
    old = load_machine(name)
    values: dict[str, Any] = {field: getattr(old, field) for field in old.model_fields_set}
    values["kernel"] = MoreKernelCosts(
        **{field: getattr(old.kernel, field) for field in old.kernel.model_fields_set}
    )
    new = MoreMachine(**values)
    assert new.kernel.zap_ps == 12_000
    assert left_out(new) == left_out(old) | {"kernel.zap": ZAP.provenance()}
    assert [c.path for c in declared(MoreMachine) if c not in DECLARED] == ["kernel.zap"]


def test_a_new_cost_is_in_the_schema() -> None:
    """A key that may be left out, with the docstring for a description."""
    schema = MoreMachine.model_json_schema()["$defs"]["MoreKernelCosts"]
    assert schema["properties"]["zap"]["description"] == "Zap it."
    assert "zap" not in schema["required"]


OF_MEMORY = ("frames.", "paging.", "device.write_latency")


@pytest.mark.parametrize("name", names("machines"))
def test_a_shipped_profile_names_all_costs(name: str) -> None:
    """Only the variation of work, and what memory costs, is left to defaults: they are shown."""
    machine = load_machine(name)
    memory = {path for path in left_out(machine) if path.startswith(OF_MEMORY)}
    known = {p: v for p, v in left_out(machine).items() if p not in memory}
    if machine.kernel.work_cv_ppm == 0:  # as fitted: named
        assert known == {}
        return
    assert known == {"kernel.work_cv": WORK_CV.provenance()}
    named = {cost.path for cost in DECLARED if not cost.path.startswith(OF_MEMORY)}
    assert named <= set(machine.provenance)
    _, _, defaults = shown(name).partition("defaults of dessim:\n")
    assert len(defaults.splitlines()) == 1 + len(memory)
    assert "kernel.work_cv: {value: 25%, range: [5%, 50%], tag: derived, source: " in defaults


def test_a_default_is_shown_and_has_a_source(tmp_path: Path) -> None:
    """What a profile leaves out is listed behind it, in both forms, and a loader ignores it."""
    file = VALID / "machine-small.yaml"
    machine = load_machine(file)
    wanted = '#   kernel.clear_pte: {value: 0ns, tag: assumed, source: "default of dessim", note: '
    for out in (shown(file), shown(file, "--resolved")):
        _, _, defaults = out.partition("# Not in the profile, hence the defaults of dessim:\n")
        assert wanted in defaults
        assert len(defaults.splitlines()) == len(left_out(machine))
        assert "find_vma" not in defaults
        again = tmp_path / "again.yaml"
        again.write_text(out)
        assert load_machine(again) == machine
    origin = machine.provenance["kernel.clear_pte"]
    assert (origin.tag, origin.source) == ("assumed", "default of dessim")


def test_what_a_default_prints_can_be_written_into_the_profile() -> None:
    """A line of the list is a number as a profile writes it."""
    line = next(
        line for line in shown(VALID / "machine-small.yaml").splitlines() if "clear_" in line
    )
    document, problems = parse_document(line.removeprefix("#").strip() + "\n", Source("line"))
    assert problems == []
    assert document.data["kernel.clear_pte"]["value"] == "0ns"


def test_a_named_number_is_no_default() -> None:
    """A profile that names a cost, be it with the default's very number, says so by itself."""
    machine = load_machine("ivybridge-ex-4s")
    assert machine.kernel.time_slice_ps != 0
    assert "kernel.time_slice" not in left_out(machine)


@pytest.mark.parametrize("cost", [cost for cost in DECLARED if cost.default])
def test_a_default_that_is_a_guess_has_a_range(cost: Any) -> None:
    """A number that is not plainly nothing says how wrong it may be; the range contains it."""
    assert cost.default is not None
    section, attribute = cost.attributes
    value = Machine.model_fields[section].annotation.model_fields[attribute].default  # type: ignore[union-attr]
    low, high = cost.default.low, cost.default.high
    assert value == 0 or (low is not None and high is not None and low <= value <= high)
