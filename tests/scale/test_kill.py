"""SIGKILL at random moments: no finished run is lost, and the tables are the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from scale_processes import children_of, command, gone_soon, same_tables

from dessim.study.store.runs import Store, all_runs

QUICK, MANY, RUNS = 3, 30, 36  # of 64 KiB, then of 256 KiB


def whole_runs(out: Path) -> set[str]:
    """Names of the runs that can be read; every run that can be seen must be whole."""
    found = list(all_runs(Store(out / "runs")))
    assert [one for one in found if one.damage or one.foreign] == []
    return {one.digest for one in found}


def trial(rng: random.Random, sweep: Path, out: Path, start: Any) -> str:
    """Start or resume the sweep and kill something at a random moment; tell what happened.

    Moments are spread over the runs, not over time: most of the time goes into starting up.
    """
    before = whole_runs(out)
    process = start(command(sweep, out, "-j", "2"))
    whom = rng.choice(["parent", "worker", "group"])
    wanted = rng.randint(len(before), RUNS)
    while process.poll() is None and len(Store(out / "runs").digests()) < wanted:
        time.sleep(0.005)
    time.sleep(rng.uniform(0.0, 0.1))
    workers = children_of(process.pid)
    if process.poll() is not None:
        whom = "nobody"
    elif whom == "worker" and workers:
        os.kill(rng.choice(workers), signal.SIGKILL)
        process.communicate(timeout=300)
        assert process.returncode == 0
    elif whom == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        whom = "parent"
        process.kill()
    process.communicate(timeout=300)
    print(f"{whom} killed with {len(whole_runs(out))} runs there, {len(before)} from before")
    assert gone_soon(workers), "workers outlive their parent"
    assert before <= whole_runs(out), "a finished run is lost"
    return whom


def killed_often(
    trials: int, seed: int, sweep: Path, calm: Any, tmp_path: Path, start: Any
) -> None:
    """Kill and resume until enough was killed; every sweep that ends is compared."""
    rng, whole = random.Random(seed), 0
    out, killed = tmp_path / "killed", list[str]()
    while len(killed) < trials or not whole:
        whom = trial(rng, sweep, out, start)
        killed += [whom] * (whom != "nobody")
        if len(killed) >= trials or len(whole_runs(out)) == RUNS:
            done = subprocess.run(
                command(sweep, out, "-j", "2"), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert same_tables(out, calm[0])
            assert not (out / "runs" / ".unfinished").exists()
            shutil.rmtree(out)
            whole += 1


def test_killed_at_random_a_sweep_goes_on(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """Three kills of parent, worker or both: resumed to the same bytes, nothing left over."""
    killed_often(QUICK, 1, sweep, undisturbed, tmp_path, processes)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # on a busy machine a sweep of this size takes a minute
def test_killed_at_thirty_random_moments_a_sweep_goes_on(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """Thirty kills: as above."""
    killed_often(MANY, 2, sweep, undisturbed, tmp_path, processes)


def test_two_parents_on_one_store_do_not_harm_each_other(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """Started together, both end well with the bytes of an undisturbed sweep."""
    both = [processes(command(sweep, tmp_path / "both", "-j", "1")) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert same_tables(tmp_path / "both", undisturbed[0])
    assert not (tmp_path / "both" / "runs" / ".unfinished").exists()


def test_truncated_files_are_noticed_and_run_again(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """Each kind of file cut short, one emptied, one removed: reported, run again, same bytes."""
    out = tmp_path / "cut"
    shutil.copytree(undisturbed[0], out)
    runs = sorted(path for path in (out / "runs").iterdir())
    names = ("stats.json", "resolved.yaml", "config.yaml", "provenance.json")
    for run, name in zip(runs, names, strict=False):
        os.truncate(run / name, (run / name).stat().st_size - 1)
    os.truncate(runs[4] / "stats.json", 0)
    (runs[5] / "resolved.yaml").unlink()
    done = processes(command(sweep, out, "-j", "2"))
    said = done.communicate(timeout=300)[1]
    assert done.returncode == 0
    assert said.count("warning: damaged, run again") == 6
    assert same_tables(out, undisturbed[0])
    assert len(whole_runs(out)) == RUNS


def failed(words: list[str]) -> bool:
    """Whether a command fails."""
    return subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_a_full_disk_is_a_clear_error_and_corrupts_nothing(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """On a disk of 128 KiB the sweep stops with exit code 1; with room it goes on to the end."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or failed(mount):
        pytest.skip("mounting a small disk is not permitted here")
    try:
        stopped = processes(command(sweep, disk, "-j", "2"))
        said = stopped.communicate(timeout=300)[1]
        assert stopped.returncode == 1, said
        assert "No space left on device" in said
        assert "the same command resumes" in said
        stored = whole_runs(disk)
        assert 0 < len(stored) < RUNS
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        resumed = processes(command(sweep, disk, "-j", "2"))
        said = resumed.communicate(timeout=300)[1]
        assert resumed.returncode == 0, said
        assert stored <= whole_runs(disk)
        assert same_tables(disk, undisturbed[0])
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_disk_too_full_for_the_tables_is_told_with_the_way_to_go_on(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """All runs are stored, the tables do not fit: exit code 1; with room they are written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or failed(mount):
        pytest.skip("mounting a small disk is not permitted here")
    try:
        shutil.copytree(undisturbed[0] / "runs", disk / "runs")
        used = sum(path.stat().st_blocks * 512 for path in disk.rglob("*")) // 1024
        size = f"remount,size={used + 24}k"  # for what a sweep is made of, and no more
        subprocess.run(["mount", "-o", size, str(disk)], check=True)
        stopped = processes(command(sweep, disk))
        said = stopped.communicate(timeout=300)[1]
        assert stopped.returncode == 1, said
        assert "the tables cannot be written" in said
        assert "the same command resumes" in said
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        resumed = processes(command(sweep, disk))
        said = resumed.communicate(timeout=300)[1]
        assert resumed.returncode == 0, said
        assert same_tables(disk, undisturbed[0])
    finally:
        subprocess.run(["umount", str(disk)], check=False)
