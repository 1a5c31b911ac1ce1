"""Searches that were interrupted, or ended at a bound, go on as if they had not."""

import json
import os
import re
import shutil
from dataclasses import replace
from itertools import product

import pytest
from click.testing import CliRunner
from scopes import changed
from searches import asked, of_protocol, same, work_in_small_rounds

from dessim.cli import main, searching
from dessim.engines.explorer import kept, running
from dessim.engines.explorer.effort import Effort, Interrupted
from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.kept import HEAD, Kept
from dessim.study.check import Scope, small_world_of


class Presses:
    """A watcher that presses Ctrl-C at its n-th look."""

    def __init__(self, at):
        self.at, self.looks, self.resumed, self.lost = at, 0, 0, ""

    def __call__(self, seen):
        """Look, and count."""
        self.looks += 1
        self.resumed = max(self.resumed, seen.resumed)
        self.lost = seen.lost
        if self.looks == self.at:
            raise KeyboardInterrupt


@pytest.fixture
def often(monkeypatch):
    """Let searches look up after every few states."""
    monkeypatch.setattr(running, "BUDGET", 40)


def small_of(what):
    """Return a World to be interrupted in, and its properties."""
    if what == "livelock":
        changes = {"unmap_retry": "until_unmapped", "attempts": "repeat"}
        return small_world_of(changed(Scope("gang_lookup_mapcount"), **changes)), ("livelock",)
    small = of_protocol("killed_waiter", {"version": "after"}, what)
    return small, asked(small)


@pytest.mark.parametrize("what", ["sc", "tso", "livelock"])
def test_an_interrupted_search_goes_on(often, tmp_path, what):
    """Interrupted twice, with one core and with two: it ends as if it had not been."""
    small, properties = small_of(what)
    whole = explore(small, properties)
    effort = Effort(keep=tmp_path)
    for at, jobs in ((3, 1), (4, 2)):
        watch = Presses(at)
        with pytest.raises(KeyboardInterrupt):
            explore(small, properties, effort=replace(effort, jobs=jobs, watch=watch))
    assert watch.resumed > 0
    last = Presses(0)
    assert same(whole, explore(small, properties, effort=replace(effort, watch=last)))
    assert last.resumed > watch.resumed
    assert list(tmp_path.iterdir()) == [], "nothing is kept of what is over"


@pytest.fixture(scope="module")
def livelock():
    """Return a search that keeps all arrays there are, and what it finds."""
    small, properties = small_of("livelock")
    return small, properties, explore(small, properties)


DAMAGED = [
    *product(["keys", "parents", "edges"], ["longer", "shorter", "changed", "missing"]),
    *product([HEAD], ["missing", "bad", "shape", "number", "deep"]),
    *product(["keys", HEAD], ["fifo", "device"]),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGED)
def test_a_search_that_was_killed_or_damaged_ends_the_same(often, tmp_path, livelock, name, damage):
    """Killed while it appends: what counts is there. Damaged: it begins again.

    What it keeps from then on does not lie behind the damage.
    """
    small, properties, whole = livelock
    effort = Effort(keep=tmp_path)
    with pytest.raises(Interrupted):
        explore(small, properties, effort=replace(effort, watch=Presses(5)))
    (folder,) = tmp_path.iterdir()
    file = folder / name
    content = file.read_bytes()
    damaged = {
        "longer": content + b"half a sta",
        "shorter": content[:-8],
        "changed": content[:64] + bytes([content[64] ^ 1]) + content[65:],
        "bad": b'{"numbers": [',
        "shape": content.replace(b'"witness"', b'"witless"'),
        "number": re.sub(rb'"numbers": \[\d+', rb"\g<0>000000", content),
        "deep": b"[" * 100_000,
    }
    file.unlink()
    if damage in damaged:
        file.write_bytes(damaged[damage])
    elif damage == "fifo":
        os.mkfifo(file)
    elif damage == "device":
        file.symlink_to("/dev/zero")
    watch = Presses(8)
    with pytest.raises(Interrupted) as stop:
        explore(small, properties, effort=replace(effort, watch=watch))
    assert (watch.resumed > 0) == (damage == "longer")
    last = Presses(0)
    assert same(whole, explore(small, properties, effort=replace(effort, watch=last)))
    assert last.resumed == stop.value.kept > 0


def test_another_search_does_not_go_on_from_it(often, tmp_path):
    """Another memory model, other properties: another search."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Presses(5)))
    for other, names in ((small_of("tso")[0], properties), (small, properties[:1])):
        watch = Presses(0)
        made = explore(other, names, effort=Effort(keep=tmp_path, watch=watch))
        assert watch.resumed == 0
        assert same(made, explore(other, names))


def test_a_larger_bound_goes_on_from_a_smaller_one(often, tmp_path):
    """The bound is not part of what a search is."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, 2000, effort=Effort(keep=tmp_path, watch=Presses(9)))
    watch = Presses(0)
    made = explore(small, properties, effort=Effort(keep=tmp_path, watch=watch))
    assert watch.resumed > 0
    assert same(made, explore(small, properties))


def test_a_second_search_of_the_same_keeps_nothing(often, tmp_path):
    """Two at once: only one has the folder."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Presses(5)))
    (folder,) = tmp_path.iterdir()
    first = Kept(tmp_path)
    first.folder = folder
    assert first.hold()
    head = (folder / HEAD).read_bytes()
    watch = Presses(0)
    whole = explore(small, properties, effort=Effort(keep=tmp_path, watch=watch))
    assert watch.resumed == 0
    assert whole.complete
    assert (folder / HEAD).read_bytes() == head
    with pytest.raises(Interrupted) as stop:
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Presses(2)))
    assert (stop.value.kept, stop.value.why) == (0, "another process keeps the same search")
    first.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_that_ends_at_a_bound_goes_on_with_a_larger_one(monkeypatch, tmp_path, jobs):
    """It is kept; a smaller bound begins again, finds what it would have, and leaves it there."""
    work_in_small_rounds(monkeypatch)
    small, properties = small_of("sc")
    whole, some = explore(small, properties), explore(small, properties, 900)
    effort = Effort(jobs, keep=tmp_path)
    assert same(some, explore(small, properties, 900, effort=effort))
    for bound, resumed in ((900, some.states), (300, 0), (10**6, some.states)):
        watch = Presses(0)
        made = explore(small, properties, bound, effort=replace(effort, watch=watch))
        assert same(made, explore(small, properties, bound))
        assert watch.resumed == resumed
    assert same(whole, made)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_only_what_was_found_since(often, tmp_path, monkeypatch):
    """What is cut short is taken back, nothing more is kept, and that is reported once."""
    small, properties = small_of("sc")
    whole = explore(small, properties)
    sizes, reports = [], []

    def is_due():
        sizes.append({file.name: file.stat().st_size for file in tmp_path.glob("*/*")})
        if len(sizes) == 4:
            monkeypatch.setattr(kept.os, "fsync", full)
        return True

    def full(_):
        raise OSError(28, "No space left on device")

    def watch(seen):
        reports.append(seen.lost)
        if len(reports) == 20:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stop:
        explore(small, properties, effort=Effort(keep=tmp_path, watch=watch, is_due=is_due))
    assert len(sizes) == 4, "it is not tried again and again"
    assert sum(map(bool, reports)) == len(reports) - 4, "reported from then on"
    assert "No space left on device" in stop.value.why
    (folder,) = tmp_path.iterdir()
    assert {file.name: file.stat().st_size for file in folder.iterdir()} == sizes[-1]
    monkeypatch.undo()
    last = Presses(0)
    assert same(whole, explore(small, properties, effort=Effort(keep=tmp_path, watch=last)))
    assert last.resumed == stop.value.kept > 0


def test_searches_nobody_came_back_to_go_after_a_week(often, tmp_path):
    """Without a head, too; but not if a process is at work there."""
    small, properties = small_of("sc")
    with pytest.raises(Interrupted):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Presses(5)))
    (folder,) = tmp_path.iterdir()
    for name in ("old", "killed", "held", "new"):
        shutil.copytree(folder, tmp_path / name)
    (tmp_path / "killed" / HEAD).unlink()
    (tmp_path / "killed" / "lock").unlink()
    at_work = Kept(tmp_path)
    at_work.folder = tmp_path / "held"
    assert at_work.hold()
    now_s = (folder / HEAD).stat().st_mtime
    for path in ("killed", f"old/{HEAD}", f"held/{HEAD}"):
        os.utime(tmp_path / path, (now_s - kept.WEEK_S - 60,) * 2)
    explore(small, properties, effort=Effort(keep=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held", "new"]
    at_work.close()


def test_it_is_kept_now_and_then(often, tmp_path):
    """A process that is killed loses what it found since: what counts grows as time goes on."""
    small, properties = small_of("sc")
    counts = []

    def is_due():
        counts.extend(
            json.loads(head.read_text())["count"]["keys"] for head in tmp_path.glob(f"*/{HEAD}")
        )
        return True

    explore(small, properties, effort=Effort(keep=tmp_path, is_due=is_due))
    assert len(counts) > 5
    assert counts == sorted(set(counts))


def test_the_command_shows_progress_and_goes_on(tmp_path, monkeypatch):
    """A line with states a second and the frontier; Ctrl-C says how to go on; then the same end."""
    monkeypatch.setenv("DESSIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(searching, "PLAIN_EVERY_S", 0.0)
    monkeypatch.setattr(running, "BUDGET", 400)
    words = ["check", "killed_waiter", "--set", "version=passed_on"]
    whole = CliRunner().invoke(main, words)
    assert re.search(r"[\d,]+ states, [\d,]+ a second, frontier [\d,]+, \d+ steps", whole.stderr)
    clock = iter(range(10**6))
    monkeypatch.setattr(searching.time, "monotonic", lambda: next(clock) * 0.01)
    show = searching.SearchWatch.__call__

    def press(watch, seen):
        show(watch, seen)
        if seen.states > 1000 and not seen.resumed:
            raise KeyboardInterrupt

    monkeypatch.setattr(searching.SearchWatch, "__call__", press)
    stopped = CliRunner().invoke(main, words)
    assert stopped.exit_code == 130
    assert "the same command resumes" in stopped.stderr
    monkeypatch.setattr(searching, "KEEP_EVERY_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(kept.Kept, "hold", lambda self: setattr(self, "why", "no room"))
        lost = CliRunner().invoke(main, [*words, "--quiet"])
    assert lost.stderr.count("warning: this search is not kept: no room") == 1
    assert re.search(r"interrupted after [\d,]+ states; it could not be kept: no room", lost.stderr)
    assert "resumes" not in lost.stderr
    again = CliRunner().invoke(main, [*words, "-j", "2"])
    assert "resumes from " in again.stderr
    assert (again.exit_code, again.stdout) == (whole.exit_code, whole.stdout)


def test_who_does_not_want_a_search_kept_is_not_warned(tmp_path, monkeypatch):
    """Nothing is said about keeping, however long it takes."""
    monkeypatch.setenv("DESSIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(searching, "KEEP_EVERY_S", 0.0)
    monkeypatch.setattr(running, "BUDGET", 400)
    words = ["check", "killed_waiter", "--set", "version=passed_on", "--quiet"]
    done = CliRunner().invoke(main, [*words, "--no-keep"])
    assert done.stderr == ""
