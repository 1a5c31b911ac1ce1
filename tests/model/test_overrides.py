"""`--set key.path=value`: what it changes, and where its errors are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dessim.model import ConfigError, Point, load_experiment, resolve

VALID = Path(__file__).parent / "valid"


def _points(*overrides: str, name: str = "experiment-sweep") -> tuple[Point, ...]:
    return resolve(load_experiment(VALID / f"{name}.yaml", overrides))


PLAIN = ("matrix={}", "zip={}", "include=[]", "exclude=[]")


def test_scalars_are_replaced() -> None:
    """A single value replaces the file's."""
    [point] = _points("threads=3", "seed=5", "replications=2", name="experiment-point")
    assert (point.threads, point.seed, point.replications) == (3, 5, 2)


def test_a_number_of_the_machine_is_replaced_in_the_referenced_file() -> None:
    """The machine keeps its file, one number differs, and its source says so."""
    [point] = _points("machine.kernel.wakeup=9us", name="experiment-point")
    assert point.machine.kernel.wakeup_ps == 9_000_000
    assert point.machine.provenance["kernel.wakeup"].source == "set by the experiment"
    assert point.parameters == {}


def test_the_long_form_and_whole_sections_can_be_set() -> None:
    """YAML mappings are values, too."""
    [point] = _points(
        "machine.kernel.wakeup={value: 3us, tag: assumed, source: me}",
        "machine.smt={user_slowdown: 2, kernel_slowdown: 150%}",
        "workload={access: random, file_size: 8KiB}",
        "workload.page_work=1ns",
        name="experiment-point",
    )
    assert point.machine.provenance["kernel.wakeup"].source == "me"
    assert point.machine.smt.kernel_slowdown_ppm == 1_500_000
    assert (point.workload.access, point.workload.page_work_ps) == ("random", 1_000)


def test_a_single_value_pins_a_swept_key() -> None:
    """The key leaves matrix and zip, so that the value holds for every point."""
    points = _points("threads=7", "exclude=[]", "include=[]")
    assert {p.threads for p in points} == {7}
    assert len(points) == 2 * 2 * 2
    pinned = _points("machine.cache_line.hold=3ns", "exclude=[]", "include=[]")
    assert {p.machine.cache_line.hold_ps for p in pinned} == {3_000}
    zipped = _points("fault_around_order=2", "exclude=[]", "include=[]")
    assert {p.fault_around_order for p in zipped} == {2}
    assert {p.parameters["simulate"] for p in zipped} == {"4KiB", "1MiB"}


def test_a_list_sweeps_a_key() -> None:
    """A list for a key that can be swept is an axis; matrix.KEY does the same."""
    points = _points("threads=[1, 2, 3]", name="experiment-point")
    assert [p.threads for p in points] == [1, 2, 3]
    same = _points("matrix.threads=[1, 2, 3]", name="experiment-point")
    assert [p.threads for p in same] == [1, 2, 3]
    hold = _points("matrix.machine.cache_line.hold=[1ns, 2ns]", name="experiment-point")
    assert [p.machine.cache_line.hold_ps for p in hold] == [1_000, 2_000]


def test_later_overrides_change_earlier_ones() -> None:
    """They apply in order: a part of a value may follow it; the same key twice is a slip."""
    [point] = _points(
        "workload={access: sequential, file_size: 1MiB}",
        "workload.file_size=2MiB",
        name="experiment-point",
    )
    assert point.workload.file_size_bytes == 2 << 20
    with pytest.raises(ConfigError, match=r"^--set 2: seed: error: 'seed' is set by --set 1"):
        _points("seed=1", "seed=2")


@pytest.mark.parametrize(
    ("one", "two", "key"),
    [
        ("threads=[2]", "matrix.threads=[4]", "threads"),
        ("matrix.threads=[4]", "threads=[2]", "threads"),
        ("zip.threads=[4]", "threads=2", "threads"),
        ("threads=16", "matrix={threads: [4]}", "threads"),
        ("matrix={threads: [4]}", "matrix.threads=[8]", "threads"),
        ("matrix={threads: [4]}", "zip={threads: [8]}", "threads"),
        ("workload.threads=4", "threads=8", "threads"),
        ("machine=ivybridge-ex-4s", "matrix.machine=[icelake-sp-2s]", "machine"),
        ("machine.kernel.rmap=9ns", "matrix={machine.kernel.rmap: [8ns]}", "machine.kernel.rmap"),
    ],
)
def test_one_thing_is_set_once_by_whatever_spelling(one: str, two: str, key: str) -> None:
    """The later would win, and nobody would know."""
    with pytest.raises(ConfigError) as refusal:
        _points(*PLAIN[2:], one, two, name="experiment-point")
    said = f"--set 4: {two.partition('=')[0]}: error: '{key}' is set by --set 3 already: drop one"
    assert str(refusal.value) == said


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("threads=[2]", "matrix={}"),
        ("matrix.threads=[2]", "matrix={fault_around_order: [2]}"),
        ("precision.throughput=1%", "precision={fault_latency_p99: 1%}"),
        ("machine.smt.user_slowdown=2", "machine.smt={user_slowdown: 2, kernel_slowdown: 2}"),
    ],
)
def test_what_is_set_is_not_taken_away_again(one: str, two: str) -> None:
    """The other way round, both count."""
    with pytest.raises(ConfigError, match=r"--set 2: .*this takes away what --set 1 sets: give it"):
        _points(one, two, name="experiment-point")
    assert _points(two, one, name="experiment-point")


def test_different_things_are_set_together() -> None:
    """A sweep without the key, and one value of whatever machine is chosen."""
    [point] = _points("matrix={fault_around_order: [2]}", "threads=3", name="experiment-point")
    assert (point.threads, point.fault_around_order) == (3, 2)
    machine = VALID / "machine-two-sockets.yaml"
    [point] = _points("machine.kernel.rmap=9ns", f"machine={machine}", name="experiment-point")
    assert point.machine.kernel.rmap_ps == 9_000


def test_a_precision_of_nothing_is_refused(tmp_path: Path) -> None:
    """From outside and in a file."""
    said = "error: this asks for nothing: name a metric, as in {throughput: 1%}, or leave it out"
    with pytest.raises(ConfigError, match=f"--set 1: precision: {re.escape(said)}"):
        _points("precision={}", name="experiment-point")
    (tmp_path / "own.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [linux_6_12]\n"
        "precision: {}\n"
    )
    with pytest.raises(ConfigError, match=f"own.yaml:4:12: {re.escape(said)}"):
        load_experiment(tmp_path / "own.yaml")


def test_lists_that_are_values_are_not_swept() -> None:
    """Schemes are a list anyway, and a matrix of hops is one value."""
    points = _points("schemes=[a, {b: {x: 1}}]", name="experiment-point")
    assert [p.scheme.entry() for p in points] == ["a", {"b": {"x": 1}}]
    [point] = _points(
        "machine.topology.hops=[[0, 1], [1, 0]]",
        "machine=../valid/machine-two-sockets.yaml",
        name="experiment-point",
    )
    assert point.machine.topology.hops == ((0, 1), (1, 0))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("thread=4", "--set 1: thread: error: unknown key 'thread'; did you mean 'threads'?"),
        (
            "machine.kernel.wakup=9us",
            "--set 1: machine.kernel.wakup: error: unknown key 'wakup'; did you mean 'wakeup'?",
        ),
        (
            "machine.kernel.wakeup=9",
            "--set 1: machine.kernel.wakeup: error: '9' has no unit: expected a time such as 20ns",
        ),
        ("nonsense", "--set 1: nonsense: error: expected key.path=value, such as threads=8"),
        ("=3", "--set 1: : error: expected key.path=value, such as threads=8"),
        ("a..b=3", "--set 1: a..b: error: expected key.path=value, such as threads=8"),
        ("threads=0", "--set 1: threads: error: must be at least 1, found 0"),
        ("threads=.nan", "--set 1: threads: error: .nan is not a number that can be used here"),
        ("seed=", "--set 1: seed: error: expected a whole number, found nothing"),
        (
            "threads.deep=3",
            "--set 1: threads.deep: error: expected a whole number, found a mapping",
        ),
        (
            "machine.smt=3",
            "--set 1: machine.smt: error: expected a mapping with the keys "
            "user_slowdown, kernel_slowdown, found 3",
        ),
        (
            "seed=!!int 3",
            "--set 1: seed: error: tags such as '!!int' are not allowed",
        ),
        (
            "workload.file_size=3KB",
            "--set 1: workload.file_size: error: must be at least 4KiB, found 3000B",
        ),
        ("matrix.thread=[1]", "--set 1: matrix.thread: error: 'thread' cannot be swept"),
        ("machine=nowhere.yaml", "--set 1: machine: error: no file 'nowhere.yaml'"),
        ("machine.clock.all_cores=3GHz", "all_cores must not be faster than one_core"),
    ],
)
def test_an_error_names_the_override(override: str, message: str) -> None:
    """The place of an error is the number and the key of the `--set` it comes from."""
    with pytest.raises(ConfigError) as refusal:
        _points(override, name="experiment-point")
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("--set 1: ")


def test_all_overrides_and_the_file_are_checked_at_once() -> None:
    """Errors of the file come first, then those of the overrides in their order."""
    bad = Path(__file__).parent / "invalid" / "experiment-unknown-key.yaml"
    with pytest.raises(ConfigError) as refusal:
        load_experiment(bad, ["machine.kernel.wakeup=9", "seed=x", "workload.threads=0"])
    places = [str(problem.place) for problem in refusal.value.problems]
    assert places[0].endswith("experiment-unknown-key.yaml:5:1")
    assert places[1:] == [
        "--set 1: machine.kernel.wakeup",
        "--set 2: seed",
        "--set 3: workload.threads",
    ]
