import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from small import a_run, experiment_file

from dessim.model import load_experiment, resolve
from dessim.study.store import runs as store_module
from dessim.study.store.runs import (
    FILES,
    DamagedRunError,
    OtherVersionError,
    RunKey,
    Store,
    StoredRun,
    all_runs,
    keys_of,
    run_key,
)


@pytest.fixture
def key(tmp_path: Path) -> RunKey:
    """Key of a run."""
    return run_key(resolve(load_experiment(experiment_file(tmp_path)))[0], 1, "reference")


def saved(tmp_path: Path, key: RunKey) -> Store:
    """A store that holds one run."""
    store = Store(tmp_path / "runs")
    store.save(key, a_run(), "name: small\n", {"host_seconds": 1.0})
    return store


def test_what_is_saved_is_loaded(tmp_path: Path, key: RunKey) -> None:
    """Every field comes back with its type; nothing else was there."""
    assert Store(tmp_path / "runs").load(key) is None
    assert saved(tmp_path, key).load(key) == a_run()


def test_a_run_directory_holds_its_four_files_and_no_rest_lies_about(
    tmp_path: Path, key: RunKey
) -> None:
    """Written in a temporary folder and renamed: nothing unfinished is left behind."""
    store = saved(tmp_path, key)
    assert sorted(p.name for p in store.path(key).iterdir()) == sorted(FILES)
    assert not (store.root / ".unfinished").exists()
    assert (store.path(key) / "config.yaml").read_text() == "name: small\n"


def test_every_ingredient_changes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point, replication, engine and model version: each makes another run."""
    one, two = resolve(load_experiment(experiment_file(tmp_path)))[:2]
    base = run_key(one, 0, "reference").digest
    others = {
        run_key(two, 0, "reference").digest,
        run_key(one, 1, "reference").digest,
        run_key(one, 0, "compiled").digest,
    }
    monkeypatch.setattr(store_module, "model_version", lambda: "another")
    others.add(run_key(one, 0, "reference").digest)
    assert len({base, *others}) == 5


def test_names_and_replication_counts_do_not_change_the_key(tmp_path: Path) -> None:
    """The same run of another experiment is the same run."""
    one = resolve(load_experiment(experiment_file(tmp_path)))[0]
    other = resolve(load_experiment(experiment_file(tmp_path), ["name=other", "replications=9"]))[0]
    assert keys_of(one, [0], "reference") == keys_of(other, [0], "reference")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(tmp_path: Path, key: RunKey, name: str) -> None:
    """A directory without one of its files is no run."""
    store = saved(tmp_path, key)
    (store.path(key) / name).unlink()
    with pytest.raises(DamagedRunError, match="is missing"):
        store.load(key)


@pytest.mark.parametrize("name", ["stats.json", "resolved.yaml"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(tmp_path: Path, key: RunKey, name: str, share: float) -> None:
    """Cut anywhere, it is not believed."""
    path = saved(tmp_path, key).path(key) / name
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(DamagedRunError):
        Store(tmp_path / "runs").load(key)


def test_a_changed_number_is_noticed(tmp_path: Path, key: RunKey) -> None:
    """Valid JSON with another number does not pass the checksum."""
    path = saved(tmp_path, key).path(key) / "stats.json"
    path.write_text(path.read_text().replace('"events": 10000', '"events": 10001'))
    with pytest.raises(DamagedRunError, match="checksum"):
        Store(tmp_path / "runs").load(key)


def test_a_run_in_the_place_of_another_is_noticed(tmp_path: Path, key: RunKey) -> None:
    """A directory that was copied under another name is not that run."""
    store = saved(tmp_path, key)
    point = resolve(load_experiment(experiment_file(tmp_path)))[0]
    other = run_key(point, 0, "reference")
    store.path(key).rename(store.path(other))
    with pytest.raises(DamagedRunError, match="another run"):
        store.load(other)


def test_a_run_of_another_version_is_not_damaged(
    tmp_path: Path, key: RunKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, with other fields: only if this version wrote it, something is wrong with it."""
    monkeypatch.setattr(store_module, "_fields", lambda: ("events",))
    store = saved(tmp_path, replace(key, model_version="0.1"))
    monkeypatch.undo()
    assert list(all_runs(store)) == [StoredRun(key.digest, foreign=True)]
    with pytest.raises(OtherVersionError):
        store.load(key)
    monkeypatch.setattr(store_module, "_fields", lambda: ("events",))
    store.save(key, a_run(), "", {})
    monkeypatch.undo()
    assert ["other fields" in one.damage for one in all_runs(store)] == [True]


def test_saving_replaces_what_was_damaged(tmp_path: Path, key: RunKey) -> None:
    """A second save over a broken directory leaves a whole one."""
    store = saved(tmp_path, key)
    (store.path(key) / "stats.json").unlink()
    store.save(key, a_run(), "", {})
    assert store.load(key) == a_run()


@pytest.mark.parametrize("link", [False, True], ids=["a file", "a link to nowhere"])
def test_what_is_no_directory_is_damaged_and_replaced(
    tmp_path: Path, key: RunKey, link: bool
) -> None:
    """A file or a broken link in the place of a run is reported and makes room."""
    store = Store(tmp_path)
    if link:
        store.path(key).symlink_to(tmp_path / "nowhere")
    else:
        store.path(key).write_text("no directory")
    with pytest.raises(DamagedRunError, match=key.digest):
        store.load(key)
    store.save(key, a_run(), "", {})
    assert store.load(key) == a_run()


def test_a_full_disk_leaves_the_store_as_it_was(
    tmp_path: Path, key: RunKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in mid-write: no run appears, nothing is left over."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path / "runs")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(key, a_run(), "", {})
    assert not store.has(key)
    assert not (store.root / ".unfinished").exists()


def test_stats_hold_no_host_time(tmp_path: Path, key: RunKey) -> None:
    """The same run stored twice has the same statistics, byte for byte."""
    store = saved(tmp_path, key)
    path = store.path(key) / "stats.json"
    before = path.read_bytes()
    store.save(key, a_run(), "", {"host_seconds": 2.0})
    assert path.read_bytes() == before
    assert "host_seconds" not in json.loads(before)


def test_the_resolved_point_is_an_experiment_that_gives_the_same_run(
    tmp_path: Path, key: RunKey
) -> None:
    """A result is reproducible from its own directory."""
    path = saved(tmp_path, key).path(key) / "resolved.yaml"
    (point,) = resolve(load_experiment(path))
    assert run_key(point, 1, "reference") == key
