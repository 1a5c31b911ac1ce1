from collections.abc import Iterable
from pathlib import Path

import pytest

from dessim.model import ConfigError, Point, load_experiment, resolve
from dessim.model.author import usual_author
from dessim.model.published import load_published
from dessim.study.fidelity.cells import (
    cell_name,
    chosen,
    for_differences,
    ideal_faults,
    key_of,
    of_a_size,
    once_in_full,
    points_of,
    simulating,
    spelled_out,
)

TABLE = load_published("fault-around-2014")


def test_a_cell_is_named_by_workload_threads_and_order() -> None:
    """The scheme is reported only where it is not the usual one of its order."""
    assert cell_name(("sequential-read", "no_fault_around", 8, 0)) == "sequential-read:8:0"
    assert cell_name(("w", "radix_walk_trylock", 1, 3)) == "w:1:3"
    assert cell_name(("w", "lock_each_page", 1, 3)) == "w:1:3@lock_each_page"


def test_choices_pick_cells_in_the_order_of_the_table() -> None:
    """Lists with commas; nothing or a star is all; the baseline is order 0; names of the mail."""
    assert len(chosen([], TABLE.rows, "--fit")) == 51
    names = [cell_name(k) for k in chosen(["sequential-read:8:9,baseline"], TABLE.rows, "--fit")]
    assert names == ["sequential-read:8:0", "sequential-read:8:9"]
    names = [cell_name(k) for k in chosen(["sequential-read:120:0,9"], TABLE.rows, "--fit")]
    assert names == ["sequential-read:120:0", "sequential-read:120:9"]
    assert len(chosen(["*:1"], TABLE.rows, "--fit")) == 21
    assert len(chosen(["seq_16GiB:*:3", "rand_1GiB:1:3"], TABLE.rows, "--fit")) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sequential:1", "did you mean 'sequential-read'"),
        ("sequential-read:60", "no cell of the table matches"),
        ("sequential-read:x", "expected WORKLOAD"),
        (":1", "expected WORKLOAD"),
    ],
)
def test_a_choice_of_nothing_is_refused(text: str, words: str) -> None:
    """It names the option and what would be understood."""
    with pytest.raises(ConfigError, match=words) as caught:
        chosen([text], TABLE.rows, "--fit")
    assert str(caught.value).startswith("--fit: error: ")


def test_cells_that_nobody_measured_are_spelled_out() -> None:
    """Every part must be there, because no table fills it in."""
    keys = spelled_out(["sequential-read:60,120:baseline,4"], "--cells")
    assert [cell_name(key) for key in keys] == [
        "sequential-read:60:0",
        "sequential-read:60:4",
        "sequential-read:120:0",
        "sequential-read:120:4",
    ]
    with pytest.raises(ConfigError, match="does not say which cells"):
        spelled_out(["sequential-read:60"], "--cells")


def test_points_are_the_experiments_own_where_it_has_them() -> None:
    """Others take everything but threads, scheme and order from a point of the same workload."""
    experiment = load_experiment("fault-around-2014")
    own = {key_of(point): of_a_size(point) for point in resolve(experiment)}
    assert points_of(TABLE.rows, experiment) == [own[key] for key in TABLE.rows]
    key = ("touch-one-per-table", "radix_walk_trylock", 120, 4)
    [point] = points_of([key], experiment)
    assert key_of(point) == key
    assert (point.workload.threads, point.simulate_bytes) == (120, 1 << 30)
    with pytest.raises(ConfigError, match="no workload is named 'sleep'"):
        points_of([("sleep", "radix_walk_trylock", 1, 4)], experiment)


def sizes_in(points: Iterable[Point]) -> set[tuple[str, int | None, int]]:
    """Return workloads, simulated MiB and replications of points, each once."""
    return {
        (p.workload.name, p.simulate_bytes and p.simulate_bytes >> 20, p.replications)
        for p in points
    }


def test_cells_simulate_as_much_as_convoys_need() -> None:
    """64 MiB, and 128 windows of 512 pages: 256 MiB; the first size of page tables."""
    experiment = load_experiment("fault-around-2014")
    others = {("sequential-read", 64, 6), ("sequential-read", 256, 6)}
    others |= {("touch-one-per-table", 1024, 6)}
    points = points_of(TABLE.rows, experiment)
    assert sizes_in(points) == {("random-read", 64, 6), *others}
    large = [p.fault_around_order for p in points if p.simulate_bytes == 256 << 20]
    assert set(large) == {9}
    whole = points_of(TABLE.rows, experiment, random_bytes=None)
    assert sizes_in(whole) == {("random-read", None, 6), *others}
    own = load_experiment("fault-around-2014", ["simulate=32MiB"])
    found = {p.simulate_bytes for p in points_of(TABLE.rows, own, random_bytes=None)}
    assert found == {32 << 20}  # what the experiment says is what is simulated


def test_random_reads_in_full_are_simulated_once() -> None:
    """A part of them has the experiment's replications, and so have other workloads."""
    experiment = load_experiment("fault-around-2014")
    whole = points_of(TABLE.rows, experiment, random_bytes=None)
    for point in map(once_in_full, [*whole, *simulating(whole, ["random-read=64MiB"])]):
        once = point.workload.access == "random" and point.simulate_bytes is None
        assert point.replications == (1 if once else 6)


def test_differences_need_small_parts_and_one_replication() -> None:
    """By access; never more than is simulated anyway."""
    points = points_of(TABLE.rows, load_experiment("fault-around-2014"))
    assert sizes_in(map(for_differences, points)) == {
        ("sequential-read", 32, 1),
        ("random-read", 4, 1),
        ("touch-one-per-table", 256, 1),
    }
    smaller = simulating(points, ["8MiB"])
    assert {p.simulate_bytes >> 20 for p in map(for_differences, smaller)} == {4, 8}


def test_predictions_are_asked_for_many_threads() -> None:
    """Seven orders of sequential reads with 60 and 120 threads, of the others with 32, too."""
    asked = spelled_out(usual_author().predicted, "--cells")
    orders = (0, 1, 3, 4, 5, 7, 9)
    wanted = [("sequential-read", n, order) for n in (60, 120) for order in orders]
    for workload in ("random-read", "touch-one-per-table"):
        wanted += [(workload, n, order) for n in (32, 60, 120) for order in orders]
    assert [(workload, n, order) for workload, _, n, order in asked] == wanted
    measured = [cell_name(key) for key in asked if key in TABLE.rows]
    assert measured == ["sequential-read:120:0", "sequential-read:120:9"]


def test_the_simulated_part_can_be_chosen_by_workload() -> None:
    """`full` and sizes beyond the file simulate all of it."""
    points = points_of(TABLE.rows, load_experiment("fault-around-2014"))
    found = simulating(points, ["128MiB", "touch_one_page_per_2MiB_16GiB=full", "rand_1GiB=1GiB"])
    sizes = {point.workload.name: point.simulate_bytes for point in found}
    assert sizes == {"sequential-read": 128 << 20, "random-read": None, "touch-one-per-table": None}
    for wrong in ("64MB/s", "5000B", "nothing=1MiB"):
        with pytest.raises(ConfigError, match="--simulate"):
            simulating(points, [wrong])


def test_ideal_faults_are_one_per_window_and_thread() -> None:
    """16 GiB at order 3 with 8 threads: 8 x 524288; tables of 2 MiB; 1 GiB at random."""
    points = points_of(TABLE.rows, load_experiment("fault-around-2014"))
    ideal = {cell_name(key_of(point)): ideal_faults(point) for point in points}
    assert ideal["sequential-read:8:3"] == 8 * 524288
    assert ideal["touch-one-per-table:8:3"] == 8 * 8192
    assert ideal["random-read:1:4"] == pytest.approx(16384)


def test_a_table_in_the_form_of_the_mail_gives_the_same_rows(tmp_path: Path) -> None:
    """Its workloads, its baseline and its SUSPECT note are understood."""
    path = tmp_path / "mail.csv"
    path.write_text(
        "workload,threads,order,minor_faults,seconds,note\n"
        "seq_16GiB,8,baseline,33557540,16.649304881,\n"
        "seq_16GiB,8,3,4515848,6.612490639,quick\n"
        'touch_one_page_per_2MiB_16GiB,8,1,65681,0.488600638,"SUSPECT: a copy"\n'
    )
    rows = load_published(str(path)).rows
    assert [cell_name(key) for key in rows] == [
        "sequential-read:8:0",
        "sequential-read:8:3",
        "touch-one-per-table:8:1",
    ]
    for key, row in rows.items():
        assert row.values == TABLE.rows[key].values
        assert bool(row.doubtful) == bool(TABLE.rows[key].doubtful)
