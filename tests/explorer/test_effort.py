"""How a search is carried out changes nothing that it finds: cores, reductions, bounds."""

from itertools import product

import pytest
from click.testing import CliRunner
from random_protocols import random_protocol
from scopes import changed
from searches import asked, of_protocol, same, work_in_small_rounds

from dessim import registry
from dessim.cli import main
from dessim.cli.complete import explored
from dessim.engines.explorer import reduction, team
from dessim.engines.explorer.effort import Effort
from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.kernel.protocol import compiled
from dessim.study.check import Scope, small_world_of

SEEDS = range(120)


def drawn(seed, memory="sc"):
    """Return the small World of a random protocol."""
    return protocol_world(compiled(random_protocol(seed)), Rules(memory=memory))


def verdicts(made):
    """Return what was found of each property."""
    return {name: (one.verdict, one.steps) for name, one in made.findings.items()}


@pytest.fixture
def small_rounds(monkeypatch):
    """Let teams work in rounds of a few states, so that there are many of them."""
    work_in_small_rounds(monkeypatch)


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
