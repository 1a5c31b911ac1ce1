"""Finding configurations: the folder is the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from dessim.model import ConfigError, find, load_workload, names


def test_shipped_files_are_found_by_name_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names do not depend on the working directory."""
    monkeypatch.chdir(tmp_path)
    assert "sequential-read" in names("workloads")
    assert find("workloads", "sequential-read").name == "sequential-read.yaml"
    assert names("machines") == sorted(names("machines"))


def test_own_configs_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the working directory's configs/ hides a shipped one of the same name."""
    folder = tmp_path / "configs" / "workloads"
    folder.mkdir(parents=True)
    (folder / "sequential-read.yaml").write_text("access: random\nfile_size: 4KiB\n")
    (folder / "mine.yaml").write_text("access: random\nfile_size: 8KiB\n")
    monkeypatch.chdir(tmp_path)
    assert load_workload("sequential-read").access == "random"
    assert load_workload("mine").name == "mine"
    assert {"mine", "random-read"} <= set(names("workloads"))


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slash or the suffix makes it a path, not a name."""
    (tmp_path / "w.yaml").write_text("access: random\nfile_size: 4KiB\n")
    monkeypatch.chdir(tmp_path)
    for text in ("w.yaml", "./w.yaml", str(tmp_path / "w.yaml")):
        assert load_workload(text).name == "w"


@pytest.mark.parametrize("name", ["sequentialread", "Sequential-Read", "seqential-read"])
def test_an_unknown_name_lists_what_exists_and_suggests_the_nearest(name: str) -> None:
    """The nearest name is suggested and all are listed."""
    with pytest.raises(ConfigError) as refusal:
        load_workload(name)
    text = str(refusal.value)
    assert f"no workload is named '{name}'; did you mean 'sequential-read'?" in text
    assert "`dessim list workloads` lists them all" in text


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "\x1b[31m", "x" * 10_000, "zzz"])
def test_a_foreign_name_is_just_unknown(name: str) -> None:
    """No name escapes the folder, or the message."""
    with pytest.raises(ConfigError, match="no workload is named") as refusal:
        find("workloads", name)
    assert str(refusal.value).endswith("; `dessim list workloads` lists them all")
    assert len(str(refusal.value)) < 1_000
    assert "\x1b" not in str(refusal.value)
