"""Sweeps: which points, in which order, and how many at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from dessim.model import ConfigError, Experiment, Point, load_experiment, resolve

VALID = Path(__file__).parent / "valid"
SMALL = f"machine: {VALID}/machine-small.yaml\nworkload: {VALID}/workload-plain.yaml\n"


def _points(tmp_path: Path, text: str, schemes: str = "[a]") -> tuple[Point, ...]:
    path = tmp_path / "x.yaml"
    path.write_text(f"{SMALL}schemes: {schemes}\n{text}")
    return resolve(load_experiment(path))


def _short(points: tuple[Point, ...]) -> list[tuple[int, int, str]]:
    return [(p.threads, p.fault_around_order, p.scheme.name) for p in points]


def test_without_a_sweep_there_is_one_point_per_scheme(tmp_path: Path) -> None:
    """Scalars and defaults give one point for each scheme."""
    points = _points(tmp_path, "threads: 3\nseed: 7\nreplications: 2", "[a, b]")
    assert _short(points) == [(3, 4, "a"), (3, 4, "b")]
    assert {(p.seed, p.replications, p.experiment) for p in points} == {(7, 2, "x")}
    assert points[0].workload.threads == 3


def test_matrix_keys_vary_in_the_order_written_and_schemes_innermost(tmp_path: Path) -> None:
    """The first key is the slowest, the scheme the fastest."""
    points = _points(tmp_path, "matrix: {fault_around_order: [0, 4], threads: [2, 1]}", "[a, b]")
    assert _short(points) == [
        (2, 0, "a"),
        (2, 0, "b"),
        (1, 0, "a"),
        (1, 0, "b"),
        (2, 4, "a"),
        (2, 4, "b"),
        (1, 4, "a"),
        (1, 4, "b"),
    ]


def test_zip_walks_side_by_side_inside_the_matrix(tmp_path: Path) -> None:
    """Zipped keys are one axis, faster than the matrix."""
    text = "matrix: {threads: [1, 2]}\nzip: {fault_around_order: [3, 5], simulate: [4KiB, 8KiB]}"
    points = _points(tmp_path, text)
    assert _short(points) == [(1, 3, "a"), (1, 5, "a"), (2, 3, "a"), (2, 5, "a")]
    assert [p.parameters["simulate"] for p in points] == ["4KiB", "8KiB"] * 2


def test_exclude_needs_all_its_keys_and_takes_lists(tmp_path: Path) -> None:
    """An entry matches when each of its keys has one of the values."""
    text = (
        "matrix: {threads: [1, 2, 3], fault_around_order: [0, 4]}\n"
        "exclude:\n  - {threads: [1, 2], fault_around_order: 4}\n  - {scheme: b, threads: 3}\n"
    )
    assert _short(_points(tmp_path, text, "[a, b]")) == [
        (1, 0, "a"),
        (1, 0, "b"),
        (2, 0, "a"),
        (2, 0, "b"),
        (3, 0, "a"),
        (3, 4, "a"),
    ]


def test_exclude_can_tell_the_options_of_a_scheme_apart(tmp_path: Path) -> None:
    """A name matches every choice of the scheme, the long form only its own."""
    text = "matrix: {threads: [1, 2]}\nexclude: [{threads: 1, scheme: {a: {precheck: true}}}]"
    points = _points(tmp_path, text, "[a, {a: {precheck: true}}]")
    assert [(p.threads, p.scheme.options) for p in points] == [
        (1, {}),
        (2, {}),
        (2, {"precheck": True}),
    ]


def test_exclude_does_not_take_true_for_one(tmp_path: Path) -> None:
    """A number excludes no flag, although Python calls 1 and True equal."""
    key = "machine.tlb.pcid"
    text = f"matrix: {{{key}: [true, false]}}\nexclude: [{{{key}: 1}}]"
    with pytest.raises(ConfigError, match="this exclude matches no point"):
        _points(tmp_path, text)
    [point] = _points(tmp_path, text.replace("pcid: 1", "pcid: true"))
    assert not point.machine.tlb.pcid


def test_include_adds_points_after_the_others(tmp_path: Path) -> None:
    """An entry sets some keys, takes the rest from the experiment, and may choose its schemes."""
    text = (
        "threads: 9\nmatrix: {fault_around_order: [1]}\nexclude: []\n"
        "include:\n  - {threads: 5}\n  - {fault_around_order: 2, scheme: c}\n"
    )
    assert _short(_points(tmp_path, text, "[a, b]")) == [
        (9, 1, "a"),
        (9, 1, "b"),
        (5, 4, "a"),
        (5, 4, "b"),
        (9, 2, "c"),
    ]


def test_include_alone_is_the_whole_sweep(tmp_path: Path) -> None:
    """Without matrix and zip the experiment's own scalars are no point of their own."""
    assert _short(_points(tmp_path, "include: [{threads: 5}, {threads: 6}]")) == [
        (5, 4, "a"),
        (6, 4, "a"),
    ]


def test_a_dotted_key_changes_one_number_of_the_machine(tmp_path: Path) -> None:
    """Only that number differs, its source says so, and the value stands as written."""
    points = _points(tmp_path, "matrix: {machine.cache_line.hold: [0ns, 1.5ns, 0.002us]}")
    assert [p.machine.cache_line.hold_ps for p in points] == [0, 1_500, 2_000]
    assert [p.parameters for p in points] == [
        {"machine.cache_line.hold": text} for text in ("0ns", "1.5ns", "0.002us")
    ]
    source = points[1].machine.provenance["cache_line.hold"]
    assert (source.tag, source.source) == ("assumed", "set by the experiment")
    same = points[1].machine.cache_line.model_copy(update={"hold_ps": 0})
    assert same == points[0].machine.cache_line


def test_numbers_of_machine_and_workload_combine_with_swept_files(tmp_path: Path) -> None:
    """A dotted key applies to every machine and workload of the sweep."""
    text = (
        f"matrix:\n  machine: [{VALID}/machine-small.yaml, {VALID}/machine-two-sockets.yaml]\n"
        "  workload.file_size: [8KiB, 16KiB]\n  machine.user.read_page_cv: [0.5]\n"
    )
    points = _points(tmp_path, text)
    assert [(p.machine.name, p.workload.file_size_bytes) for p in points] == [
        ("small", 8192),
        ("small", 16384),
        ("two-sockets", 8192),
        ("two-sockets", 16384),
    ]
    assert {p.machine.user.read_page_cv_ppm for p in points} == {500_000}
    assert points[0].parameters == {"workload.file_size": "8KiB", "machine.user.read_page_cv": 0.5}


def test_nothing_is_scaled_when_the_file_is_small_enough(tmp_path: Path) -> None:
    """`simulate` of the whole file or more is the same run as without it."""
    text = "workload.file_size: [64KiB]\n  simulate: [32KiB, 64KiB, 1GiB]"
    points = _points(tmp_path, f"matrix:\n  {text}")
    assert [p.simulate_bytes for p in points] == [32 << 10, None, None]


@pytest.mark.timeout(20)  # a guard against hangs; nothing is measured
def test_an_explosion_is_counted_and_not_expanded(tmp_path: Path) -> None:
    """10^12 points are an error that says how many they are."""
    keys = ("rmap", "set_pte", "find_vma", "slow_path", "wakeup", "wake_walk")
    values = ", ".join(f"{i}ns" for i in range(100))
    rows = "".join(f"  machine.kernel.{key}: [{values}]\n" for key in keys)
    with pytest.raises(ConfigError, match=r"1,000,000,000,000 points: .* at most 100,000"):
        _points(tmp_path, "matrix:\n" + rows)


def test_the_largest_sweep_is_allowed_and_one_more_point_is_not(tmp_path: Path) -> None:
    """The limit is 100,000 points, exactly; schemes and included points count."""
    thousand = ", ".join(str(i) for i in range(1, 1001))
    text = f"matrix: {{threads: [{thousand}], fault_around_order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}}"
    schemes = ", ".join(f"s{i}" for i in range(10))
    with pytest.raises(ConfigError, match="100,001 points"):
        _points(tmp_path, f"{text}\ninclude: [{{threads: 1001, scheme: a}}]", f"[{schemes}]")


def test_an_experiment_can_be_made_in_python() -> None:
    """Without a file the same expansion holds, and errors name the experiment."""
    experiment = Experiment(
        name="mine",
        machine=str(VALID / "machine-small.yaml"),
        workload={"name": "w", "access": "sequential", "file_size": "4KiB"},
        schemes=["a"],
        matrix={"threads": [1, 2]},
    )
    assert [p.threads for p in resolve(experiment)] == [1, 2]
    with pytest.raises(ConfigError, match="mine: error: must be at least 1, found 0"):
        resolve(experiment.model_copy(update={"matrix": {"threads": [0]}}))


def test_a_changed_copy_resolves_to_the_changes() -> None:
    """Scalars of a copy are used, not those of the file that it came from."""
    experiment = load_experiment(VALID / "experiment-point.yaml")
    copy = experiment.model_copy(update={"seed": 99, "threads": 2})
    assert [(p.seed, p.threads) for p in resolve(copy)] == [(99, 2)]
