"""Keys that do nothing without another one, in a file and from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_in import typed

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.mark.parametrize(
    ("key", "remedy"),
    [("simulate_cap: 64KiB", "simulate=auto"), ("max_replications: 64", "precision.throughput=5%")],
)
def test_a_key_that_does_nothing_is_refused(key: str, remedy: str) -> None:
    """In a file; with what it needs from outside, it does something."""
    Path("idle.yaml").write_text(
        f"machine: ivybridge-ex-4s\nworkload: separate-processes\nschemes: [lock_each_page]\n{key}"
    )
    done = typed("run", "idle.yaml", "--dry-run")
    assert done.exit_code == 2
    assert f"idle.yaml:4:1: error: {key.partition(':')[0]} does nothing without" in done.stderr
    assert typed("run", "idle.yaml", "--dry-run", "--set", remedy).exit_code == 0


@pytest.mark.parametrize("setting", ["simulate_cap=64KiB", "max_replications=64"])
def test_a_key_that_does_nothing_is_refused_from_outside(setting: str) -> None:
    """As in a file; what `--set` only makes idle in a file is not."""
    text = "machine: ivybridge-ex-4s\nworkload: separate-processes\nschemes: [lock_each_page]\n"
    Path("idle.yaml").write_text(text)
    key = setting.partition("=")[0]
    done = typed("run", "idle.yaml", "--dry-run", "--set", "seed=2", "--set", setting)
    assert done.exit_code == 2
    assert f"--set 2: {key}: error: {key} does nothing without" in done.stderr
    Path("idle.yaml").write_text(f"{text}precision: {{throughput: 5%}}\nmax_replications: 64\n")
    done = typed("run", "idle.yaml", "--dry-run", "--set", "precision=null")
    assert done.exit_code == 0, done.stderr
