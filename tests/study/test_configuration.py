import json
from pathlib import Path

from small import experiment_file

from dessim.model import load_experiment, resolve
from dessim.study.sweep.configuration import Invocation, configuration_of, configuration_text


def configured(folder: Path, *overrides: str) -> dict[str, object]:
    """Return the configuration of the small experiment."""
    experiment = load_experiment(str(experiment_file(folder)), overrides)
    return configuration_of(
        experiment, resolve(experiment), "reference", Invocation("text", "command")
    )


def rows_of(part: object) -> dict[str, dict[str, object]]:
    """Values of a machine or workload by their keys."""
    assert isinstance(part, dict)
    return {row["key"]: row for row in part["values"]}


def test_every_number_of_the_machine_is_there_with_its_source(tmp_path: Path) -> None:
    """Value with unit, tag, source, range and meaning; the sources that are named exist."""
    [machine] = configured(tmp_path)["machines"]
    rows = rows_of(machine)
    hold = rows["cache_line.hold"]
    assert hold["value"].endswith("ns")
    assert hold["tag"] == "estimated"
    assert hold["source"] in machine["sources"]
    assert hold["range"][0] == "0ns"
    assert hold["meaning"]
    assert rows["kernel.exception_entry"]["range"][1].endswith("ns")
    tagged = [row for row in rows.values() if row.get("tag")]
    assert len(tagged) > 70


def test_what_the_experiment_sets_is_said_so(tmp_path: Path) -> None:
    """An override replaces value and source; a swept value is listed with all it takes."""
    found = configured(tmp_path, "machine.cache_line.hold=[0ns,20ns]", "seed=7")
    assert found["swept"] == {"machine.cache_line.hold": ["0ns", "20ns"]}
    [machine] = found["machines"]
    assert rows_of(machine)["cache_line.hold"]["source"] == "set by the experiment"
    settings = {row["key"]: row["value"] for row in found["settings"]}
    assert settings["threads"] == "1, 2"
    assert settings["seed"] == "7"
    assert settings["simulate"] == "64KiB"


def test_schemes_and_workloads_explain_themselves(tmp_path: Path) -> None:
    """Each scheme with its source, the workload without the keys of the other kind."""
    found = configured(tmp_path)
    assert [one["name"] for one in found["schemes"]] == ["lock_each_page", "gang_lookup_mapcount"]
    assert all("Source" in one["description"] for one in found["schemes"])
    [workload] = found["workloads"]
    assert rows_of(workload)["file_size"]["value"] == "1GiB"
    assert "think" not in rows_of(workload)


def test_it_is_written_as_json(tmp_path: Path) -> None:
    """Read back, it is the same."""
    found = configured(tmp_path)
    assert json.loads(configuration_text(found)) == found
