"""The explorer and the timed engines: what happens in time is among what can happen at all."""

import random

import pytest
from racing import race
from scopes import changed

from dessim import registry
from dessim.engines import run_setup
from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.moves import next_attempt, quiet_steps
from dessim.engines.explorer.replay import replay
from dessim.engines.explorer.states import pack
from dessim.engines.explorer.story import Walk, read_schedule
from dessim.engines.explorer.world import Small
from dessim.engines.reference import Reference
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.ops import OP_LOCK, OP_NEXT_ACCESS, OP_WAIT_ON_PAGE
from dessim.kernel.steps import advance
from dessim.study.check import Scope, check, small_world_of

SCOPES = [
    Scope(name, actor=actor, threads=2, tables=tables, page=page, split_lookup=True)
    for name in registry.names()
    for actor, tables, page in (
        ("invalidate", "shared", "target"),
        ("invalidate", "own", "neighbour"),
        ("truncate", "shared", "neighbour"),
        ("reclaim", "own", "target"),
        ("munmap", "shared", "target"),
    )
]
RUNS = 8


def name(scope: Scope) -> str:
    """Return a scope's name."""
    return f"{scope.scheme}-{scope.actor}-{scope.tables}-{scope.page}"


class Timed:
    """``advance``, with a look at the state after each event: it must be one of those explored."""

    def __init__(self, small: Small, known: set[tuple[int, ...]]) -> None:
        self.small, self.x, self.known = small, small.x, known
        self.queued: dict[int, int] = {}
        self.met: set[tuple[int, ...]] = set()
        self.over: set[int] = set()
        self.fired = 0

    def __call__(self, w, task: int, now: int) -> int:
        """Carry out one event; compare the state."""
        t = w[lay.H_TASK] + task * lay.T_WORDS
        pc = w[t + lay.T_PC]
        i = w[lay.H_PROG] + pc * lay.I_WORDS
        if w[i + lay.I_OP] == OP_NEXT_ACCESS:
            w[w[lay.H_WOKEN]] = 0
            next_attempt(w, self.x, task, i)
            return now
        after = advance(w, task, now)
        if after == lay.ENDED:
            self.over.add(task)
        for k in range(w[w[lay.H_WOKEN]]):
            self.queued.pop(w[w[lay.H_WOKEN] + 1 + k], None)
        waits = w[i + lay.I_OP] in (OP_LOCK, OP_WAIT_ON_PAGE)
        if after == lay.ASLEEP and waits and w[t + lay.T_PC] != pc:
            self.queued[task] = pc
        bugs = w[w[lay.H_COUNT] + lay.N_BUG1] + w[w[lay.H_COUNT] + lay.N_BUG1 + 1]
        self.fired = self.fired or bugs
        if not self.fired:
            self.look(w)
        return after

    def look(self, w) -> None:
        """Find the state among those explored: who queues has not yet gone on."""
        w = list(w)
        for task in range(w[lay.H_TASKS]):
            t = w[lay.H_TASK] + task * lay.T_WORDS
            w[t + lay.T_AT] = lay.ENDED if task in self.over else 0
            if task in self.queued:
                w[t + lay.T_PC] = self.queued[task]
            elif task not in self.over:
                quiet_steps(w, self.x, task)
        pack(w, self.x)
        first = w[self.x + ex.X_KEY]
        key = tuple(w[first : first + w[self.x + ex.X_KEYS]])
        assert key in self.known
        self.met.add(key)


@pytest.mark.parametrize("scope", SCOPES, ids=name)
def test_random_schedules_of_the_reference_engine_stay_inside(scope):
    """Whatever things cost and whenever tasks start: each state of a timed run was explored."""
    small = small_world_of(scope)
    small.w[small.x + ex.X_SYMMETRIC] = 0
    made = explore(small, ("deadlock",))
    known = {tuple(int(word) for word in key) for key in made.keys}
    rng = random.Random(name(scope))
    met = set()
    for _ in range(RUNS):
        w = Walk(small).w
        w[w[lay.H_WOKEN]] = 0
        costs = range(w[lay.H_COST], w[lay.H_COST] + 2 * cost_table.N_COSTS)
        lines = range(w[lay.H_LINE_COST], w[lay.H_LINE_COST] + 9 * lay.N_DISTANCES)
        for place in (*costs, *lines):
            w[place] = int(10 ** rng.uniform(0, 5))
        for task in range(w[lay.H_TASKS]):
            t = w[lay.H_TASK] + task * lay.T_WORDS
            w[t + lay.T_AT] = w[t + lay.T_CLOCK] = rng.randrange(1_000_000)
        timed = Timed(small, known)
        Reference(w, advance=timed).run()
        met |= timed.met
    assert len(met) > 60, "the runs differ"


VARIANTS = [
    {"unmap_retry": "none", "walk": "if_mapped"},
    {"unmap_retry": "before_bug", "walk": "if_mapped"},
    {"unmap_retry": "always_bug", "walk": "if_mapped"},
    {"unmap_retry": "until_unmapped", "walk": "if_mapped"},
    {"unmap_retry": "none", "walk": "every_table"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(v.values()))
@pytest.mark.parametrize("precheck", [False, True])
def test_every_bug_of_a_timed_run_is_reachable(run_compiled, variant, precheck):
    """A BUG_ON that a timed run met is one that the explorer reaches, with the same programs.

    The actor comes every 100 ns: at 40 ns it starves itself in some seeds, and meets less.
    """
    options = {"precheck": precheck}
    met = {"bug1": 0, "bug2": 0}
    for seed in range(12):
        setup = race(
            "gang_lookup_mapcount",
            "invalidate_range",
            seed=seed,
            threads=6,
            pages=16,
            every_ps=100_000,
            options=options,
            actor_options=variant,
            mapping="per_process",
        )
        counters = run_compiled(setup).counters
        met = {bug: met[bug] + counters[bug] for bug in met}
    scope = changed(
        Scope("gang_lookup_mapcount"), options=options, threads=2, tables="own", **variant
    )
    reached = {v.name: v.verdict for v in check(scope, ("bug1", "bug2")).verdicts}
    for bug, times in met.items():
        assert times == 0 or reached[bug] == "sometimes"
    walks_always = variant["walk"] == "every_table"
    assert met["bug1"] > 0 or precheck, "the race is not so rare that the test is empty"
    assert met["bug2"] > 0 or (precheck and walks_always)


def test_schedules_replay_on_the_reference_engine():
    """Shortest traces, replayed through ``advance`` with its costs, fire the same BUG_ON."""
    for changes in ({}, {"unmap_retry": "before_bug", "threads": 2, "tables": "own"}):
        found = check(changed(Scope("gang_lookup_mapcount"), **changes), ("bug1", "bug2"))
        small = found.exploration.small
        for verdict in found.verdicts:
            w = replay(small, read_schedule(small, verdict.schedule))
            counters = {n: w[w[lay.H_COUNT] + k] for k, n in enumerate(lay.COUNTERS)}
            assert counters[verdict.name] == 1
            assert counters["bug1"] + counters["bug2"] == 1


@pytest.mark.parametrize("scheme", registry.names())
def test_random_schedules_replay_on_the_reference_engine(scheme):
    """Any schedule of the explorer is one of the reference engine, state by state."""
    small = small_world_of(Scope(scheme, threads=2, attempts=2))
    rng = random.Random(3)
    for _ in range(5):
        walk, schedule = Walk(small), []
        while not walk.fired and walk.possible():
            schedule.append(rng.choice(walk.possible()))
            walk.make(schedule[-1])
        replay(small, schedule)


def test_run_setup_is_untouched_by_exploring(run_compiled):
    """Exploring and timing share code, and no state."""
    setup = race("gang_lookup_mapcount", "invalidate_range")
    before = run_setup(setup, "compiled")
    check(Scope("gang_lookup_mapcount"), ("bug1",))
    assert run_setup(setup, "compiled") == before
