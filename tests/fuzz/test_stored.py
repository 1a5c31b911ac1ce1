"""Whatever lies where results are kept: it is what was written, or it is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st
from mutants import EDITS, JUNK, edited, paths_of, quick_and_thorough, replaced

from dessim.cli import main
from dessim.errors import UserError
from dessim.files.seals import SEALS
from dessim.report.common.results import load_results
from dessim.study.store.manifest import manifests_of
from dessim.study.store.runs import FILES, DamagedRunError, Store

RUN = (
    *("run", "eight-processes", "--engine", "reference", "-q", "--replications", "2"),
    *("--set", "workload.file_size=16KiB", "--set", "threads=[1,2]"),
)
RESULTS = ("results.json", "latency.csv", "configuration.json", "sweep.json", SEALS)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a small sweep."""
    folder = tmp_path_factory.mktemp("kept")
    done = CliRunner().invoke(main, [*RUN, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def whole(kept: Path, tmp_path: Path) -> Path:
    """A copy of them, in which one file at a time is mutated."""
    shutil.copytree(kept, tmp_path / "results")
    return tmp_path / "results"


def read_all(folder: Path) -> None:
    """Do with results what the commands do, short of drawing with matplotlib."""
    place = str(folder)
    for words in (
        ("report", place),
        ("compare", "lock_each_page", "gang_lookup_mapcount", "--in", place),
        ("status", str(folder.parent)),
        ("export", str(folder.parent), "--format", "csv"),
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code in (0, 1, 2), (words, done.exception)
        if done.exception is not None:
            assert isinstance(done.exception, SystemExit), (words, done.exception)
        assert all(c.isprintable() or c == "\n" for c in done.stderr), done.stderr


@quick_and_thorough(st.tuples(st.sampled_from(RESULTS), EDITS), 30, 500)
def _bytes_of_results(whole: Path, drawn: Any) -> None:
    """A sealed file with other bytes is refused; other files are, or do not matter."""
    name, edits = drawn
    path = whole / "eight-processes" / name
    before = path.read_bytes()
    after = edited(before, edits)
    path.write_bytes(after)
    try:
        if name in ("results.json", "latency.csv") and after != before:
            with pytest.raises(UserError):
                load_results(whole / "eight-processes")
        read_all(whole / "eight-processes")
        assert all(len(one.digests) >= 0 for one in manifests_of(whole))
    finally:
        path.write_bytes(before)


test_quick_bytes_of_results, test_thorough_bytes_of_results = _bytes_of_results

PLACES = st.tuples(st.sampled_from(RESULTS[::2] + RESULTS[3:4]), st.floats(0, 0.9999), JUNK)


@quick_and_thorough(PLACES, 40, 500)
def _parts_of_results(whole: Path, drawn: Any) -> None:
    """JSON with junk in it and no seals: shown or refused, never a traceback."""
    name, share, junk = drawn
    (whole / "eight-processes" / SEALS).unlink(missing_ok=True)
    path = whole / "eight-processes" / ("sweep.json" if name == SEALS else name)
    before = path.read_bytes()
    data = json.loads(before)
    paths = paths_of(data)
    path.write_text(json.dumps(replaced(data, paths[int(share * len(paths))], junk)))
    try:
        read_all(whole / "eight-processes")
    finally:
        path.write_bytes(before)


test_quick_parts_of_results, test_thorough_parts_of_results = _parts_of_results


@quick_and_thorough(st.tuples(st.sampled_from(FILES), EDITS), 100, 20_000)
def _stored_runs(whole: Path, drawn: Any) -> None:
    """A stored run is what was written, or damaged."""
    name, edits = drawn
    store = Store(whole / "runs")
    digest = store.digests()[0]
    path = store.root / digest / name
    before, run = path.read_bytes(), store.load_digest(digest)
    after = edited(before, edits)
    path.write_bytes(after)
    try:
        if after == before:
            assert store.load_digest(digest) == run
        else:
            with pytest.raises(DamagedRunError):
                store.load_digest(digest)
    finally:
        path.write_bytes(before)


test_quick_stored_runs, test_thorough_stored_runs = _stored_runs
