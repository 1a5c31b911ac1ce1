"""The resolved form: complete, exact, stable, and an experiment itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dessim.model import Point, load_experiment, resolve

VALID = Path(__file__).parent / "valid"


def _reload(point: Point, folder: Path) -> Point:
    path = folder / "resolved.yaml"
    path.write_text(yaml.safe_dump(point.resolved(), sort_keys=False), encoding="utf-8")
    [again] = resolve(load_experiment(path))
    return again


def test_every_point_is_an_experiment_that_gives_the_same_point(tmp_path: Path) -> None:
    """A result can be reproduced from its resolved configuration alone."""
    points = resolve(load_experiment(VALID / "experiment-sweep.yaml"))
    for point in points:
        again = _reload(point, tmp_path)
        assert again.resolved() == point.resolved()
        assert again.machine == point.machine
        assert again.simulate_bytes == point.simulate_bytes


def test_the_shipped_machine_survives_its_resolved_form(tmp_path: Path) -> None:
    """No digit of the first real profile is lost."""
    experiment = load_experiment(VALID / "experiment-point.yaml", ["machine=ivybridge-ex-4s"])
    [point] = resolve(experiment)
    assert _reload(point, tmp_path).machine == point.machine


def test_it_is_json_in_a_stable_order() -> None:
    """Two loads give the same bytes, keys in order of definition."""
    first, second = (
        [
            json.dumps(p.resolved())
            for p in resolve(load_experiment(VALID / "experiment-sweep.yaml"))
        ]
        for _ in range(2)
    )
    assert first == second
    keys = list(json.loads(first[0]))
    assert keys[:4] == ["machine", "workload", "schemes", "threads"]


def test_what_cannot_change_a_run_is_left_out() -> None:
    """Names of experiments, texts and the number of replications do not change the key of a run."""
    text = ("name=other", "description=z", "replications=9", "machine.description=x")
    [plain] = resolve(load_experiment(VALID / "experiment-point.yaml"))
    [other] = resolve(load_experiment(VALID / "experiment-point.yaml", text))
    assert plain.resolved() == other.resolved()


@pytest.mark.parametrize(
    "override",
    ["seed=2", "threads=2", "fault_around_order=3", "machine.kernel.rmap=1ps", "schemes=[b]"],
)
def test_what_changes_a_run_changes_it(override: str) -> None:
    """Every input of a run is part of the resolved form."""
    [plain] = resolve(load_experiment(VALID / "experiment-point.yaml"))
    [other] = resolve(load_experiment(VALID / "experiment-point.yaml", [override]))
    assert plain.resolved() != other.resolved()


# no deadline: a loaded machine is no fault
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hold_ps=st.integers(0, 10**9),
    share_ppm=st.integers(0, 10**6),
    rate=st.integers(10**6, 10**12),
    one_core_hz=st.integers(10**10, 10**11),
)
def test_any_numbers_survive(
    tmp_path: Path, hold_ps: int, share_ppm: int, rate: int, one_core_hz: int
) -> None:
    """Times, ratios, rates and clocks come back to the last digit."""
    [point] = resolve(load_experiment(VALID / "experiment-point.yaml"))
    machine = point.machine
    line = {"hold_ps": hold_ps, "arbitration_share_ppm": share_ppm}
    changed = machine.model_copy(
        update={
            "cache_line": machine.cache_line.model_copy(update=line),
            "memory": machine.memory.model_copy(update={"bandwidth_per_socket_bytes_per_s": rate}),
            "clock": machine.clock.model_copy(update={"one_core_hz": one_core_hz}),
        }
    )
    again = _reload(point.model_copy(update={"machine": changed}), tmp_path)
    assert again.machine == changed
