"""The memory of a run follows from its sizes, before any of it is built."""

from pathlib import Path

import pytest
from small import experiment_file

from dessim.kernel.regions import world_words
from dessim.kernel.world import build_world
from dessim.model import load_experiment, resolve
from dessim.study.sweep.memory import PROCESS_BYTES, as_text, run_bytes, usable_bytes
from dessim.study.sweep.plan import setup_of

SHAPES = [
    ["threads=[1]"],
    ["threads=[120]", "simulate=4MiB"],
    ["threads=[60]", "workload=shared-mapping", "simulate=4MiB"],
    ["threads=[8]", "workload=random-read", "simulate=16MiB"],
]


@pytest.mark.parametrize("settings", SHAPES, ids=" ".join)
def test_the_estimate_is_the_size_of_the_world(tmp_path: Path, settings: list[str]) -> None:
    """Word for word, and its bytes are among those that a worker needs."""
    point = resolve(load_experiment(experiment_file(tmp_path), settings))[0]
    setup = setup_of(point, 0)
    words = build_world(setup)
    assert world_words(setup) == len(words)
    assert words.nbytes < run_bytes(point, "compiled") - PROCESS_BYTES < 1.3 * words.nbytes


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
