"""The oldest libraries that are allowed: the same runs, and nine digits of what is made of them."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORDS = ("run", "eight-processes", "-q", "--set", "threads=[1,8]", "--replications", "3")
VARIED = ("--set", "machine.kernel.work_cv=30%")
DIGITS = 1e-9


def oldest() -> list[str]:
    """Return what `pyproject.toml` asks for, each in its oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.sub(">=", "==", one) for one in project["dependencies"]]


def differing(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of parts of nested data that are not equal."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differing(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from differing(first, second)
    elif one != other:
        yield one, other


def results(python: Path | str, folder: Path) -> Path:
    """Run a small experiment with an interpreter and its libraries."""
    folder.mkdir()
    env = dict(os.environ, PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(folder / "cache"))
    command = [str(python), "-m", "dessim", *WORDS, *VARIED]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "results"


def test_every_dependency_has_an_oldest_version() -> None:
    """One, and no upper bound or alternative."""
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+", one) for one in oldest()), oldest()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_oldest_versions_give_the_same_runs(tmp_path: Path) -> None:
    """Stored runs are the same bytes; summaries agree to nine digits."""
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    env = dict(os.environ, PIP_CONSTRAINT="")
    pip = [str(place / "bin" / "pip"), "install", "-q", *oldest()]
    done = subprocess.run(pip, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    new = results(sys.executable, tmp_path / "new")
    old = results(place / "bin" / "python", tmp_path / "old")
    names = {path.relative_to(new) for path in (new / "runs").rglob("*.*") if path.is_file()}
    assert len(names) > 20
    assert names == {
        path.relative_to(old) for path in (old / "runs").rglob("*.*") if path.is_file()
    }
    for name in names:
        if name.name != "provenance.json":
            assert (new / name).read_bytes() == (old / name).read_bytes(), name
    tables = [
        json.loads((at / "eight-processes" / "results.json").read_text()) for at in (new, old)
    ]
    for one, other in differing(*tables):
        assert math.isclose(one, other, rel_tol=DIGITS), (one, other)
