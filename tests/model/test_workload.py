"""Workloads: shipped files, defaults that depend on the access, kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dessim.model import Workload, load_workload

VALID = Path(__file__).parent / "valid"


@pytest.mark.parametrize(
    ("name", "access", "mapping", "size"),
    [
        ("sequential-read", "sequential", "per_thread", 16 << 30),
        ("random-read", "random", "per_thread", 1 << 30),
        ("touch-one-per-table", "one_per_table", "per_thread", 16 << 30),
        ("shared-mapping", "sequential", "shared", 16 << 30),
        ("separate-processes", "sequential", "per_process", 1 << 30),
    ],
)
def test_shipped_workloads(name: str, access: str, mapping: str, size: int) -> None:
    """The shipped workloads are what their names say."""
    workload = load_workload(name)
    assert workload.name == name
    assert (workload.access, workload.mapping, workload.file_size_bytes) == (access, mapping, size)
    assert workload.description


def test_threads_draw_their_own_pages_unless_told_otherwise() -> None:
    """The shipped random test seeds all threads alike, as its benchmark does; else each its own."""
    size = 1 << 21
    assert Workload(name="r", access="random", file_size_bytes=size).random_sequence == "own"
    assert load_workload("random-read").random_sequence == "same"


def test_defaults_follow_the_access() -> None:
    """Random access reads 512 words a page; one page per table touches one word; the rest reads."""
    size = 1 << 21
    sequential = Workload(name="s", access="sequential", file_size_bytes=size)
    random = Workload(name="r", access="random", file_size_bytes=size)
    one = Workload(name="o", access="one_per_table", file_size_bytes=size)
    assert [w.touches_per_page for w in (sequential, random, one)] == [1, 512, 1]
    assert [w.page_touch for w in (sequential, random, one)] == [
        "read_page",
        "read_page",
        "touch_word",
    ]
    assert (sequential.threads, sequential.start_jitter_ppm) == (8, 1_000_000)
    assert sequential.start_stagger_ps is None


def test_a_lock_loop_knows_no_pages() -> None:
    """The workload of queueing theory has its own fields, in ps."""
    loop = load_workload(VALID / "workload-lock-loop.yaml")
    assert (loop.kind, loop.think_ps, loop.hold_ps, loop.iterations) == (
        "lock_loop",
        1_000_000,
        50_000,
        1000,
    )
    with pytest.raises(ValueError, match="'hold' is not a key of kind 'faults'"):
        Workload(name="x", access="random", file_size_bytes=4096, hold_ps=3)


def test_a_file_without_a_name_has_the_files() -> None:
    """The name of the file stands in for a missing name."""
    assert load_workload(VALID / "workload-plain.yaml").name == "workload-plain"
