"""The memory of a run is estimated from sizes alone, closely enough to plan with."""

from pathlib import Path

import pytest
from small import experiment_file

from dessim.kernel.world import build_world
from dessim.model import load_experiment, resolve
from dessim.study.sweep.memory import PROCESS_BYTES, as_text, run_bytes, usable_bytes, world_words
from dessim.study.sweep.plan import setup_of

SHAPES = [
    ["threads=[1]"],
    ["threads=[120]", "simulate=4MiB"],
    ["threads=[60]", "workload=shared-mapping", "simulate=4MiB"],
    ["threads=[8]", "workload=random-read", "simulate=16MiB"],
]


@pytest.mark.parametrize("settings", SHAPES, ids=" ".join)
def test_the_estimate_is_the_size_of_the_world(tmp_path: Path, settings: list[str]) -> None:
    """Never more than a tenth too small, nor more than a fifth too great."""
    point = resolve(load_experiment(experiment_file(tmp_path), settings))[0]
    setup = setup_of(point, 0)
    real = len(build_world(setup))
    assert 0.9 * real <= world_words(setup) <= 1.2 * real


def test_a_world_beyond_all_memory_is_estimated_without_building_it(tmp_path: Path) -> None:
    """1 TiB of file: hundreds of bytes for each page, known at once."""
    text = ["workload.file_size=1TiB", "simulate=1TiB", "threads=[1]"]
    point = resolve(load_experiment(experiment_file(tmp_path), text))[0]
    assert run_bytes(point, "compiled") > (1 << 40) // 4096 * 100
    assert run_bytes(point, "reference") > run_bytes(point, "compiled")


def test_some_memory_is_usable() -> None:
    """More than nothing, and sizes are reported for people."""
    assert usable_bytes() > 0
    assert as_text(PROCESS_BYTES) == "250 MiB"
    assert as_text(5 << 30) == "5.0 GiB"
