"""Loops that measure, statistics of disturbed trials, profiles from measurements, host cells."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dessim.cli.main import main
from dessim.host import native, session, validation
from dessim.host.around import changing_window, read_window
from dessim.host.latency import CLASSES
from dessim.host.measured_profile import TOUCH, page_slope, settled
from dessim.host.memory import PAGE, file_in_memory, region, words
from dessim.host.probes import Bench, now
from dessim.host.simulated import mean_latency, scale, simulate
from dessim.host.topology import UnusableError
from dessim.host.trials import Sample, of_values, undisturbed
from dessim.host.workloads import CASES, Rate, run_case
from dessim.model import load_machine
from dessim.model.vary import value_at

BASE = load_machine("epyc-genoa-2s")
here = pytest.mark.skipif(not native.supported(), reason="loops are for x86-64 and aarch64")


@here
def test_loops_do_what_they_say() -> None:
    """Atomics count, pointers are followed to where they lead, words are stored at their stride."""
    run = native.loops()
    with region(1 << 16) as at:
        view = words(at, 8192)
        view[:] = 0
        assert run["rmw"](at, 1000) > 0
        assert view[0] == 1000
        run["touch"](at, 16, PAGE, 1)
        assert [int(view[n * 512]) for n in range(16)] == list(range(16))
        view[:4] = (at + 8, at + 16, at + 24, at + 8)
        run["chase"](at, 4)  # from 8 by 16 and 24 and 8 to 16
        assert view[0] == at + 16
    begin = now()
    assert begin <= run["clock"]() <= now()


@here
def test_a_wait_ends_at_its_deadline() -> None:
    """A partner that never comes: meeting, swapping and sleeping give up."""
    run = native.loops()
    with region(1 << 16) as at:
        words(at, 512)[:] = 0
        assert run["meet"](at, 2, now() + 1_000_000) == 0
        words(at, 1)[0] = 7
        for loop in ("swap", "hand"):
            assert run[loop](at, 0, 0, 5, 5, now() + 1_000_000) == 0
        words(at + 64, 2)[:] = (0, 1_000_000)
        assert run["futex"](at, 0, 0, 5, now() + 1_000_000, at + 64) == 0


@here
def test_a_file_has_the_pages_that_were_asked_for() -> None:
    """Of each sixteen the first three."""
    with file_in_memory(1 << 20, present=3, of=16) as fd:
        assert os.pread(fd, 1, 2 * PAGE) == b"\1"
        assert os.pread(fd, 1, 3 * PAGE) == b"\0"
        assert os.fstat(fd).st_blocks * 512 == 16 * 3 * PAGE


def test_disturbed_trials_do_not_decide() -> None:
    """A third of trials ten times as long, and one group that is oddly short."""
    rng = np.random.default_rng(1)
    values = [100 + float(rng.exponential(3)) for _ in range(700)]
    for n in range(0, 700, 3):
        values[n] *= 10
    values[70:77] = [1.0] * 7
    found = of_values(values, 900)
    assert found is not None
    assert found.value == pytest.approx(102, abs=3)
    assert (found.kept, found.tried, found.low) == (700, 900, 1.0)
    assert of_values([1.0] * 20, 20) is None
    assert undisturbed(lambda: None) is None


def bench(**found: float) -> Bench:
    """Return measurements."""
    made = Bench([0, 1], {}, 1 << 30, 1.0)
    made.found = {name: Sample(value, value, value, 70, 70) for name, value in found.items()}
    return made


def test_a_group_of_costs_is_scaled_until_the_simulation_takes_what_was_measured() -> None:
    """Within a percent; and a target that lines alone exceed ends at the bound."""
    target = 3 * page_slope(BASE)
    paths = ("kernel.rmap", "kernel.set_pte")
    found = scale(BASE, paths, page_slope, target)
    assert page_slope(found.machine) == pytest.approx(target, rel=0.01)
    assert found.factor > 3
    ratio = value_at(found.machine, paths[0]) / value_at(BASE, paths[0])
    assert ratio == pytest.approx(found.factor, rel=0.01)
    assert scale(BASE, paths, page_slope, 0.0).factor == 0.1


def test_a_settled_machine_simulates_what_was_measured() -> None:
    """Faults and pages as measured; each number says whether it was, or follows."""
    one = settled(bench(fault=2000.0, fault_page=150.0, rmw=6.0, word=30.0, cycle=0.4), BASE, "S")
    wide = mean_latency(simulate(one.machine, TOUCH))
    assert wide == pytest.approx(2000 - 30 + 16 * 150, rel=0.02)
    assert one.machine.cache_line.local_rmw_ps == 6_000
    assert one.entries["cache_line.local_rmw"].tag == "measured"
    assert one.entries["kernel.rmap"].tag == "derived"
    assert one.entries["clock.one_core"].value == 2_500_000_000
    assert "memory.local" not in one.entries


def test_lines_of_a_class_follow_what_was_swapped() -> None:
    """A compare-and-swap is measured; a load and a store share what a hand-over took."""
    one = settled(bench(**{"swap.same_l3": 46.0, "hand.same_l3": 92.0}), BASE, "S")
    line, base = one.machine.cache_line, BASE.cache_line
    assert line.rmw_modified.same_l3_ps == 46_000
    both = line.load_modified.same_l3_ps + line.store_shared.same_l3_ps
    assert both == pytest.approx(92_000, abs=2)
    factor = 46_000 / base.rmw_modified.same_l3_ps
    assert line.load_shared.same_l3_ps == round(base.load_shared.same_l3_ps * factor)
    assert {path.rpartition(".")[2] for path in one.entries} <= set(CLASSES)


@here
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_workload_runs_and_is_simulated(case: object) -> None:
    """Less than a second with one CPU: some trials end, and the simulator knows the same work."""
    found = run_case(case, sorted(os.sched_getaffinity(0))[:1], 0.7)  # type: ignore[arg-type]
    assert found.tried > 0
    result = simulate(BASE, case.workload)  # type: ignore[attr-defined]
    assert result.finish_ps > 0


@here
def test_measure_writes_a_profile_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a few seconds; other work is no reason to fail, what is missing comes from the base."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "SHARES", 100.0)
    result = CliRunner().invoke(main, ["measure", "--budget", "5s", "--out", "mine.yaml"])
    assert result.exit_code == 0, result.output
    machine = load_machine(tmp_path / "mine.yaml")
    assert machine.provenance["cache_line.local_rmw"].tag == "measured"
    assert 0.2 < machine.cache_line.local_rmw_ps / 1000 < 200
    assert machine.origins["kernel.process_exit"] not in ("mine", "")
    again = CliRunner().invoke(main, ["measure", "--out", "mine.yaml"])
    assert again.exit_code == 2
    assert "--force" in again.output
    bad = CliRunner().invoke(main, ["measure", "--budget", "soon"])
    assert bad.exit_code == 2
    assert "such as 60s" in bad.output


@here
def test_validate_on_the_host_reports_errors_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates that are known: the mean leaves out what informed the profile and what is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(validation, "fault_latencies", lambda *_: [1000.0, 2000.0])
    text = "base: epyc-genoa-2s\nkernel: {rmap: {value: 20ns, tag: measured}}\n"
    (tmp_path / "p.yaml").write_text(text)

    def known(case: object, cpus: list[int], _: float) -> Rate:
        machine = load_machine(tmp_path / "p.yaml")
        runs = [simulate(machine, case.workload, len(cpus), replication=r) for r in range(3)]  # type: ignore[attr-defined]
        rates = sorted(case.touched * len(cpus) * 1e12 / run.finish_ps for run in runs)  # type: ignore[attr-defined]
        value = rates[1] / 1.5
        if case.name == "sequential":  # type: ignore[attr-defined]
            return Rate(None, 0, 9)
        return Rate(Sample(value, value, value, 21, 30), 21, 30)

    monkeypatch.setattr(validation, "run_case", known)
    only = [w for name in ("sequential", "write-shared", "anonymous") for w in ("--only", name)]
    arguments = ["validate", "--host", "--profile", "./p.yaml", "--format", "json", "-q", *only]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    cells = {(cell["workload"], cell["cpus"]): cell for cell in document["cells"]}
    assert cells["sequential", 1]["ln_error"] is None
    assert cells["anonymous", 1]["informed_profile"] is True
    cell = cells["write-shared", 1]
    assert cell["ln_error"] == pytest.approx(math.log(1.5))
    unseen = [
        c["ln_error"]
        for c in cells.values()
        if c["ln_error"] is not None and not c["informed_profile"]
    ]
    expected = sum(map(abs, unseen)) / len(unseen) if unseen else None
    assert document["mean_abs_ln_error"] == pytest.approx(expected)
    assert (tmp_path / "results/validate-host/validation.csv").is_file()
    assert (tmp_path / "results/validate-host/figures/host.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "x"], "need --host"),
        (["--seconds", "5"], "need --host"),
        (["--host", "--only", "nothing"], "the workloads are sequential, "),
        (["--host", "--machine", "epyc-genoa-2s"], "give --profile"),
        (["--host", "--profile", "nothing-such"], "no machine is named"),
    ],
)
def test_wrong_options_get_one_error(arguments: list[str], said: str) -> None:
    """With the remedy, and exit code 2."""
    result = CliRunner().invoke(main, ["validate", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_another_system_is_told_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere a machine can be described, not measured."""
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(UnusableError, match="dessim machine new"):
        session.measure_host("x", 5.0, None, lambda _: None)


def test_the_window_is_changed_for_a_while_and_restored(tmp_path: Path) -> None:
    """Also if something goes wrong in between; not where it may not be written."""
    path = tmp_path / "fault_around_bytes"
    path.write_text("65536\n")
    with changing_window(wanted=True, path=path) as choose:
        assert choose is not None
        choose(4096)
        assert read_window(path) == 4096
    assert read_window(path) == 65536

    def breaks() -> None:
        with changing_window(wanted=True, path=path) as choose:
            choose(8192)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks()
    assert read_window(path) == 65536
    for wanted, where in ((False, path), (True, tmp_path / "none")):
        with changing_window(wanted=wanted, path=where) as choose:
            assert choose is None
