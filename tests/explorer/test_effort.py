"""How a search is carried out changes nothing that it finds: cores, reductions, interruptions."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner
from random_protocols import random_protocol
from scopes import changed

from dessim import registry
from dessim.cli import main, searching
from dessim.cli.complete import explored
from dessim.engines.explorer import reduction, running, team
from dessim.engines.explorer.effort import Effort
from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.kept import HEAD, Kept
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.kernel.protocol import compiled
from dessim.study.check import Scope, protocol_scope, protocol_small_world, small_world_of

SEEDS = range(120)


def of_protocol(name, options, memory="sc"):
    """Return the small World of a shipped protocol."""
    return protocol_small_world(protocol_scope(name, options, memory))


def drawn(seed, memory="sc"):
    """Return the small World of a random protocol."""
    return protocol_world(compiled(random_protocol(seed)), Rules(memory=memory))


def asked(small):
    """Return the properties of a protocol."""
    return (*small.own_properties, "deadlock")


def verdicts(made):
    """Return what was found of each property."""
    return {name: (one.verdict, one.steps) for name, one in made.findings.items()}


def same(one, other):
    """Return whether two searches found the same states in the same order, and the same of them."""
    return (
        (one.states, one.moves, one.complete, one.findings, one.untried, one.bounded)
        == (other.states, other.moves, other.complete, other.findings, other.untried, other.bounded)
        and np.array_equal(one.keys, other.keys)
        and np.array_equal(one.parents, other.parents)
        and (one.edges is None or np.array_equal(one.edges, other.edges))
    )


@pytest.fixture
def small_rounds(monkeypatch):
    """Let teams work in rounds of a few states, so that there are many of them."""
    monkeypatch.setattr(team, "FEWEST", 1)
    monkeypatch.setattr(team, "SLICE", 7)
    monkeypatch.setattr(running, "BUDGET", 50)


# --- several cores --------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["sc", "pso", "lkmm"])
@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_cores_finds_the_same(small_rounds, jobs, memory):
    """States, parents, witnesses: all that is stored is the same word for word."""
    small = of_protocol("anon_vma_check", {"version": "in_rcu"}, memory)
    assert same(explore(small, asked(small)), explore(small, asked(small), effort=Effort(jobs)))


@pytest.mark.parametrize("bound", [1, 40, 41, 150, 10**6])
def test_bounds_and_early_ends_are_the_same_on_two_cores(small_rounds, bound):
    """A search that ends before it has seen all ends at the same state."""
    small = of_protocol("killed_waiter", {})
    for properties in (("deadlock",), asked(small)):
        alone = explore(small, properties, bound)
        assert same(alone, explore(small, properties, bound, effort=Effort(2)))


def test_a_livelock_is_the_same_on_two_cores(small_rounds):
    """Where each move leads is stored, too."""
    scope = changed(Scope("gang_lookup_mapcount"), unmap_retry="until_unmapped", attempts="repeat")
    small = small_world_of(scope)
    alone = explore(small)
    assert same(alone, explore(small, effort=Effort(2)))
    assert alone.findings["livelock"].verdict == "sometimes"


def test_what_a_worker_has_no_room_for_is_done_later(small_rounds, monkeypatch):
    """A round that is not finished leaves no gap."""
    small = of_protocol("lost_dirty", {}, "pso")
    alone = explore(small, asked(small))
    monkeypatch.setattr(team, "USUAL_MOVES", 0)
    assert same(alone, explore(small, asked(small), effort=Effort(3)))


# --- reduction ------------------------------------------------------------------------------------


def variants():
    """Yield each shipped protocol with each combination of its choices."""
    for name in registry.protocol_names():
        one = registry.load_protocol(name)
        values = {
            key: one.choices.get(key, (False, True) if isinstance(value, bool) else (value,))
            for key, value in one.options.items()
        }
        for chosen in product(*values.values()):
            yield name, dict(zip(values, chosen, strict=True))


def test_a_reduction_changes_no_verdict_of_shipped_protocols():
    """All variants: the same verdicts, and the same lengths of shortest traces."""
    fewer = 0
    for name, options in variants():
        small = of_protocol(name, options)
        whole = explore(small, asked(small))
        reduced = explore(small, asked(small), effort=Effort(reduce=True))
        assert verdicts(reduced) == verdicts(whole), (name, options)
        fewer += reduced.states < whole.states
    assert fewer > 20


def test_a_reduction_changes_no_verdict_of_random_protocols():
    """Variables, locks, waiters, RCU, loops, bugs: the same verdicts with it as without."""
    found, saved = set(), 0
    for seed in SEEDS:
        small = drawn(seed)
        whole = explore(small, asked(small))
        reduced = explore(small, asked(small), effort=Effort(reduce=True))
        assert verdicts(reduced) == verdicts(whole), seed
        found |= {(name, verdict) for name, (verdict, _) in verdicts(whole).items()}
        saved += whole.states - reduced.states
    assert {name for name, verdict in found if verdict == "sometimes"} >= {
        *("both", "seen", "early", "held", "settled", "deadlock", "bug_on"),
    }
    assert saved > 1000


FAULTS = {
    "steps that depend on each other are taken for independent": ("met_from", lambda *_: set()),
    "what properties look at is not looked for": ("look", lambda _: reduction.Looked()),
    "everybody waits for every lock": (
        "waits",
        lambda self, _, other: int(self.rows[other][reduction.lay.I_OP]) == reduction.OP_LOCK,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_reduction_is_noticed(monkeypatch, fault):
    """Random protocols tell a reduction that leaves too much out."""
    name, wrong = FAULTS[fault]
    monkeypatch.setattr(reduction.Steps, name, wrong)
    differ = 0
    for seed in SEEDS:
        small = drawn(seed)
        whole = explore(small, asked(small))
        reduced = explore(small, asked(small), effort=Effort(reduce=True))
        differ += verdicts(reduced) != verdicts(whole)
    assert differ > 0


def test_a_reduction_saves_most_where_locks_do_all_the_work():
    """Under one lock most orders are the same order."""
    small = of_protocol("dirty_cow", {"version": "after", "reader": True})
    whole = explore(small, asked(small))
    reduced = explore(small, asked(small), effort=Effort(reduce=True))
    assert 2 * reduced.states < whole.states


@pytest.mark.parametrize("memory", ["tso", "pso", "lkmm"])
def test_other_models_are_not_reduced(memory):
    """Nothing is known there: all is tried."""
    small = of_protocol("vma_lock_release", {}, memory)
    assert reduction.reduction_of(small) is None


def test_a_reduced_trace_is_looked_for_again_without():
    """What is found is a shortest trace; if a bound keeps that from being known, it is said."""
    small = of_protocol("hole_punch", {})
    whole = explore(small, ("stale_data",))
    reduced = explore(small, ("stale_data",), effort=Effort(reduce=True))
    assert (reduced.findings, reduced.shortest) == (whole.findings, True)
    bound = 120  # of 124 reduced states, and of 234
    some = explore(small, ("stale_data",), bound, effort=Effort(reduce=True))
    assert some.shortest is (explore(small, ("stale_data",), bound).states < bound)


# --- bounds ---------------------------------------------------------------------------------------


def test_memory_is_a_bound_that_says_so():
    """With little memory the verdict is unknown, and the bound is named."""
    small = of_protocol("killed_waiter", {"version": "passed_on", "threads": 2})
    made = explore(small, asked(small), effort=Effort(memory=1 << 20))
    assert {one.verdict for one in made.findings.values()} == {"unknown"}
    assert made.bounded.endswith("states, which fill 1 MiB of memory")
    whole = explore(small, asked(small))
    assert whole.bounded == ""
    assert whole.states > made.states


# --- interruption ---------------------------------------------------------------------------------


class Interrupted:
    """A watcher that presses Ctrl-C at its n-th look."""

    def __init__(self, at):
        self.at, self.looks, self.resumed = at, 0, 0

    def __call__(self, seen):
        """Look, and count."""
        self.looks += 1
        self.resumed = max(self.resumed, seen.resumed)
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
        watch = Interrupted(at)
        with pytest.raises(KeyboardInterrupt):
            explore(small, properties, effort=replace(effort, jobs=jobs, watch=watch))
    assert watch.resumed > 0
    last = Interrupted(0)
    assert same(whole, explore(small, properties, effort=replace(effort, watch=last)))
    assert last.resumed > watch.resumed
    assert list(tmp_path.iterdir()) == [], "nothing is kept of what is over"


@pytest.mark.parametrize("damage", ["longer", "shorter", "changed", "no head", "bad head"])
def test_a_search_that_was_killed_or_damaged_ends_the_same(often, tmp_path, damage):
    """Killed while it appends: what counts is there. Damaged: it begins again."""
    small, properties = small_of("sc")
    whole = explore(small, properties)
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Interrupted(5)))
    (folder,) = tmp_path.iterdir()
    keys = folder / "keys"
    content = keys.read_bytes()
    if damage == "longer":
        keys.write_bytes(content + b"half a sta")
    elif damage == "shorter":
        keys.write_bytes(content[:-8])
    elif damage == "changed":
        keys.write_bytes(content[:64] + bytes([content[64] ^ 1]) + content[65:])
    elif damage == "no head":
        (folder / HEAD).unlink()
    else:
        (folder / HEAD).write_text('{"numbers": [')
    watch = Interrupted(0)
    assert same(whole, explore(small, properties, effort=Effort(keep=tmp_path, watch=watch)))
    assert (watch.resumed > 0) == (damage == "longer")


def test_another_search_does_not_go_on_from_it(often, tmp_path):
    """Another memory model, other properties: another search."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Interrupted(5)))
    for other, names in ((small_of("tso")[0], properties), (small, properties[:1])):
        watch = Interrupted(0)
        made = explore(other, names, effort=Effort(keep=tmp_path, watch=watch))
        assert watch.resumed == 0
        assert same(made, explore(other, names))


def test_a_larger_bound_goes_on_from_a_smaller_one(often, tmp_path):
    """The bound is not part of what a search is."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, 2000, effort=Effort(keep=tmp_path, watch=Interrupted(9)))
    watch = Interrupted(0)
    made = explore(small, properties, effort=Effort(keep=tmp_path, watch=watch))
    assert watch.resumed > 0
    assert same(made, explore(small, properties))


def test_a_second_search_of_the_same_keeps_nothing(often, tmp_path):
    """Two at once: only one has the folder."""
    small, properties = small_of("sc")
    with pytest.raises(KeyboardInterrupt):
        explore(small, properties, effort=Effort(keep=tmp_path, watch=Interrupted(5)))
    (folder,) = tmp_path.iterdir()
    first = Kept(tmp_path)
    first.folder = folder
    assert first.hold()
    head = (folder / HEAD).read_bytes()
    watch = Interrupted(0)
    whole = explore(small, properties, effort=Effort(keep=tmp_path, watch=watch))
    assert watch.resumed == 0
    assert whole.complete
    assert (folder / HEAD).read_bytes() == head
    first.close()


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
    again = CliRunner().invoke(main, [*words, "-j", "2"])
    assert "resumes from " in again.stderr
    assert (again.exit_code, again.stdout) == (whole.exit_code, whole.stdout)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--max-memory", "3 apples"], 2, "'3 apples'"),
        (["--max-memory", "10KiB"], 2, "expected 1MiB or more"),
        (["--max-memory", "1MiB", "--threads", "3"], 0, "states, which fill 1 MiB of memory"),
        (["--max-states", "10"], 0, "the limit was reached (10 states)"),
        (["--jobs", "0"], 2, "0 is not in the range"),
    ],
)
def test_bounds_of_the_command(words, code, said):
    """What cannot be is refused; what was hit is named."""
    done = CliRunner().invoke(
        main, ["check", "killed_waiter", "--set", "version=passed_on", *words]
    )
    assert done.exit_code == code
    assert said in done.stderr


def test_protocols_are_listed_completed_and_near_misses_named():
    """As schemes are."""
    done = CliRunner().invoke(main, ["list", "protocols"])
    assert [line.split()[0] for line in done.stdout.splitlines()] == registry.protocol_names()
    found = explored(None, None, "k")
    assert found == ["killed_waiter"]
    done = CliRunner().invoke(main, ["check", "killedwaiter"])
    assert done.exit_code == 2
    assert "did you mean 'killed_waiter'? `dessim list protocols`" in done.stderr
    assert CliRunner().invoke(main, ["check", "no_fault_arund"]).exit_code == 2
