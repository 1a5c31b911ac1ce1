"""`simulate: auto`: which sizes are tried."""

from itertools import pairwise

import pytest

from dessim.model import load_experiment, names, resolve
from dessim.model.growth import AUTO, LEAST_FACTOR, cap_bytes, first_bytes, next_bytes
from dessim.model.workload import Workload

MIB = 1 << 20


def sizes(first: int, file_bytes: int, cap: int) -> list[int]:
    """All sizes that would be tried if none agreed with the one before."""
    found = [first]
    while (following := next_bytes(found[-1], file_bytes, cap)) is not None:
        found.append(following)
    return found


@pytest.mark.parametrize(
    ("file_mib", "cap_mib", "wanted"),
    [
        (1024, 4096, [8, 32, 128, 512, 1024]),
        (1024, 140, [8, 32, 140]),
        (1024, 300, [8, 32, 128, 300]),
        (1024, 255, [8, 32, 255]),  # 128 would leave no room to double
        (12, 4096, [8]),
        (16, 4096, [8, 16]),
    ],
)
def test_sizes_grow_and_end_at_the_file_or_the_cap(
    file_mib: int, cap_mib: int, wanted: list[int]
) -> None:
    """Each step is at least twice the last, and no small rest is left."""
    found = sizes(8 * MIB, file_mib * MIB, cap_mib * MIB)
    assert [size // MIB for size in found] == wanted
    assert all(b >= LEAST_FACTOR * a for a, b in pairwise(found))


def test_there_is_always_room_for_a_second_size() -> None:
    """With any number of threads the cap is at least twice the first size."""
    for access in ("sequential", "random", "one_per_table"):
        workload = Workload(name="w", access=access, file_size_bytes=1 << 40)
        for threads in (1, 120, 4096):
            assert cap_bytes(workload, threads, None) >= LEAST_FACTOR * first_bytes(workload)


def test_sweeps_and_faults_of_single_pages_count_as_work() -> None:
    """A region that is written in sweeps is simulated in a smaller part than a file read once."""
    read = Workload(name="w", access="sequential", file_size_bytes=1 << 40)
    write = read.model_copy(update={"fault": "anonymous", "file": "own"})
    swept = write.model_copy(update={"sweeps": 8})
    assert cap_bytes(read, 4, None) == 4 * cap_bytes(write, 4, None)
    assert cap_bytes(write, 4, None) == 8 * cap_bytes(swept, 4, None)
    assert cap_bytes(swept, 4096, 64 * MIB) == 64 * MIB, "what was asked for stays"


def test_auto_is_a_size_that_knows_its_cap() -> None:
    """The points begin with the first size; a file that is smaller is simulated in full."""
    settings = ["simulate=auto", "simulate_cap=1GiB", "workload.file_size=64MiB"]
    for point in resolve(load_experiment("eight-processes", settings)):
        assert point.simulate_bytes == 8 * MIB
        assert point.simulate_cap_bytes == 1 << 30
        assert "simulate_cap" not in point.resolved()
    for point in resolve(
        load_experiment("eight-processes", [*settings[:2], "workload.file_size=4MiB"])
    ):
        assert point.simulate_bytes is None
        assert point.simulate_cap_bytes is None


def test_auto_may_be_swept() -> None:
    """One point grows, the other does not."""
    points = resolve(load_experiment("eight-processes", ["matrix.simulate=[auto, 16MiB]"]))
    assert {p.simulate_cap_bytes is not None for p in points} == {True, False}


@pytest.mark.parametrize("name", names("experiments"))
def test_no_shipped_experiment_takes_a_part_on_trust(name: str) -> None:
    """Each simulates the whole file, or grows until two sizes agree; none has a size of its own."""
    experiment = load_experiment(name)
    assert experiment.simulate_bytes in {None, AUTO}
    for point in resolve(experiment):
        assert (point.simulate_bytes is None) == (point.simulate_cap_bytes is None)
