"""A Dask cluster of real processes on the loopback device: same bytes, whoever is killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from scale_processes import command, same_tables

from dessim.study.store.runs import Store
from dessim.study.sweep.dask_scheduler import ClusterMissingError
from dessim.study.sweep.executors import ClusterWorkers

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


def wait_for(condition: Any, seconds: float = 120.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def a_scheduler(file: Path, start: Any, *tls: str) -> Any:
    """Start a scheduler that tells its address in a file."""
    words = ["--no-dashboard", "--scheduler-file", str(file), "--port", "0", *tls]
    words += [] if tls else ["--host", "127.0.0.1"]
    process = start([sys.executable, "-m", "distributed.cli.dask_scheduler", *words])
    wait_for(file.exists)
    return process


def a_worker(file: Path, start: Any, *tls: str) -> Any:
    """Start a worker without a nanny: killed, it stays dead."""
    words = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard", *tls]
    call = [sys.executable, "-m", "distributed.cli.dask_worker", *words]
    return start([*call, "--local-directory", str(file.parent)])


def stored(out: Path) -> int:
    """How many runs are there."""
    return len(Store(out / "runs").digests())


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """One of two workers dies in mid-sweep, a third joins: nobody notices in the tables."""
    file = tmp_path / "scheduler.json"
    a_scheduler(file, processes)
    victim, _ = a_worker(file, processes), a_worker(file, processes)
    run = processes(command(sweep, tmp_path / "out", "--cluster", str(file)))
    wait_for(lambda: stored(tmp_path / "out") >= 3)
    os.kill(victim.pid, signal.SIGKILL)
    a_worker(file, processes)
    said = run.communicate(timeout=300)[1]
    assert run.returncode == 0, said
    assert same_tables(tmp_path / "out", undisturbed[0])


@pytest.mark.slow
def test_a_killed_scheduler_ends_the_sweep_and_another_goes_on(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """Exit code 1 and how to go on; a new cluster finishes what is left, to the same bytes."""
    file, out = tmp_path / "scheduler.json", tmp_path / "out"
    scheduler = a_scheduler(file, processes)
    a_worker(file, processes)
    run = processes(command(sweep, out, "--cluster", str(file)))
    wait_for(lambda: stored(out) >= 2)
    os.kill(scheduler.pid, signal.SIGKILL)
    said = run.communicate(timeout=300)[1]
    assert run.returncode == 1, said
    assert "the cluster's scheduler is gone" in said
    assert "the same command resumes" in said
    kept = stored(out)
    assert 2 <= kept < 36
    file.unlink()
    a_scheduler(file, processes)
    a_worker(file, processes)
    again = processes(command(sweep, out, "--cluster", str(file)))
    said = again.communicate(timeout=300)[1]
    assert again.returncode == 0, said
    assert same_tables(out, undisturbed[0])


@pytest.mark.slow
def test_a_local_cluster_gives_the_same_bytes(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """`--cluster local -j 2` needs no set-up."""
    run = processes(command(sweep, tmp_path / "out", "--cluster", "local", "-j", "2"))
    said = run.communicate(timeout=300)[1]
    assert run.returncode == 0, said
    assert same_tables(tmp_path / "out", undisturbed[0])


def test_a_scheduler_file_that_is_not_there_is_told() -> None:
    """Before anything is tried."""
    with pytest.raises(ClusterMissingError, match="no such file"):
        ClusterWorkers("nowhere.json", 1)


def certificates_in(folder: Path) -> tuple[str, ...]:
    """Make a CA and a certificate of it; return the options that Dask's commands want."""
    folder.mkdir()
    key = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-sha256")
    for words in (
        ("req", "-x509", *key, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"),
        ("req", *key[:-3], "-subj", "/CN=dask", "-keyout", "key.pem", "-out", "cert.csr"),
        (
            *("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-days", "2", "-out", "cert.pem"),
        ),
    ):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    names = {"--tls-ca-file": "ca.pem", "--tls-cert": "cert.pem", "--tls-key": "key.pem"}
    return tuple(word for name, file in names.items() for word in (name, str(folder / file)))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
def test_a_cluster_that_speaks_tls_gives_the_same_bytes(
    sweep: Path, undisturbed: Any, tmp_path: Path, processes: Any
) -> None:
    """With the certificates of its CA; those of another are refused in one error."""
    file = tmp_path / "scheduler.json"
    ours, others = (certificates_in(tmp_path / name) for name in ("ours", "others"))
    protocol = ("--protocol", "tls", "--host", "tls://127.0.0.1")
    a_scheduler(file, processes, *ours, *protocol)
    a_worker(file, processes, *ours, "--protocol", "tls")
    cluster = ("--cluster", str(file), "--cluster-tls")
    run = processes(command(sweep, tmp_path / "out", *cluster, str(tmp_path / "ours")))
    said = run.communicate(timeout=300)[1]
    assert run.returncode == 0, said
    assert same_tables(tmp_path / "out", undisturbed[0])
    assert others
    run = processes(command(sweep, tmp_path / "no", *cluster, str(tmp_path / "others")))
    said = run.communicate(timeout=300)[1]
    assert (run.returncode, said.count("error:")) == (2, 1), said
    assert "Traceback" not in said
