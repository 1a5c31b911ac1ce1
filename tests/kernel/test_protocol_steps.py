"""Steps of protocols, one after the other: variables, locals, locks, waiters, RCU, TLBs."""

import pytest
from protocol_stage import CELLS, LOCK, PTE, QUEUE, R, S, Stage, X, Y

from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.kernel import layout as lay
from dessim.kernel import protocol as p
from dessim.kernel.alphabet import ProgramError, Step, fence
from dessim.kernel.operands import WordOperand, word_operand
from dessim.kernel.protocol_expressions import ProtocolError
from dessim.registry import load, load_actor
from dessim.registry.catalogue import UnknownScheme
from dessim.registry.programs import faulting_program, program_of_actor


def test_read_variable_and_write_variable():
    """A load brings a value into a local; a store stores what an expression of locals is worth."""
    stage = Stage((p.load(R, X), p.store(Y, R + 1)))
    assert [stage.go(), stage.go()] == ["read_variable", "write_variable"]
    assert (stage.local("r"), stage.value("y")) == (2, 3)


def test_set_local_and_when_locals():
    """A local is set; a condition sends its actor one way or the other."""
    stage = Stage((p.let(R, 3), p.when(R == 4, p.store(Y, 1), otherwise=(p.store(Y, 2),))))
    assert [stage.go(), stage.go(), stage.go()] == ["set_local", "when_locals", "write_variable"]
    assert stage.value("y") == 2


@pytest.mark.parametrize(("expected", "after"), [(2, 9), (1, 2)])
def test_modify_variable_stores_only_if_its_condition_holds(expected, after):
    """It finds the old value in any case."""
    stage = Stage((p.cmpxchg(X, expected, 9, R),))
    assert stage.go() == "modify_variable"
    assert (stage.local("r"), stage.value("x")) == (2, after)


def test_modify_variable_can_use_what_it_found():
    """As atomic_add() does; nobody has to keep it."""
    stage = Stage((p.atomic(X, p.OLD * 3 + 1),))
    stage.go()
    assert stage.value("x") == 7


def test_await_variable_keeps_what_it_waited_for():
    """Whether it may go on is the explorer's business; then it is a load."""
    stage = Stage((p.wait_until(X == 2, R),))
    assert stage.go() == "await_variable"
    assert stage.local("r") == 2


def test_an_index_chooses_an_element_and_one_outside_is_a_bug():
    """Elements are counted from 0."""
    stage = Stage((p.let(R, 2), p.load(S, CELLS[R]), p.let(R, 3), p.load(S, CELLS[R])))
    stage.go(times=2)
    assert stage.local("s") == 7
    assert stage.word(lay.Q_BUG) == 0
    stage.go(times=2)
    assert stage.word(lay.Q_BUG) == lay.NO_SUCH_ELEMENT


def test_try_lock_takes_a_free_lock_and_no_other():
    """Readers share it; a writer does not."""
    stage = Stage(
        (p.down_read_trylock(LOCK, p.store(Y, 1)),),
        (p.down_read_trylock(LOCK, p.store(Y, 2)),),
        (p.trylock(LOCK, p.store(Y, 3), busy=(p.store(Y, 4),)),),
    )
    for task, seen in ((0, 1), (1, 2), (2, 4)):
        assert stage.go(task) == "try_lock"
        stage.go(task)
        assert stage.value("y") == seen


def test_report_bug_notes_which_and_ends_the_actor():
    """The first one has the number 1."""
    stage = Stage((p.bug_on(X == 2, "two"),))
    assert stage.go(times=3) == "report_bug"
    assert stage.word(lay.Q_BUG) == 1
    assert stage.ended()


def test_queue_up_wake_first_and_leave_queue():
    """The first that sleeps is woken and leaves the queue; who runs already is passed over."""
    waits = (p.prepare_to_wait(QUEUE), p.schedule(), p.finish_wait(QUEUE, R))
    stage = Stage(waits, waits, (p.wake_up(QUEUE, R), p.wake_up(QUEUE, R)))
    assert [stage.go(0), stage.go(1), stage.go(0)] == ["queue_up", "queue_up", "sleep"]
    assert stage.go(2) == "wake_first"  # a0 went on by itself: a1 is woken
    assert stage.local("r", 2) == 1
    assert stage.word(lay.Q_WOKEN) & 2
    assert stage.go(0) == "leave_queue"
    assert stage.local("r", 0) == 1
    stage.go(1, 2)
    assert stage.local("r", 1) == 0  # it was taken off when it was woken


def test_wake_every_wakes_all():
    """And takes them off."""
    stage = Stage((p.prepare_to_wait(QUEUE),), (p.prepare_to_wait(QUEUE),), (p.wake_up_all(QUEUE),))
    stage.go(0)
    stage.go(1)
    assert stage.word(lay.Q_WOKEN) == 4
    assert stage.go(2) == "wake_every"
    assert stage.word(lay.Q_WOKEN) == 7


def test_prepare_sleep_run_and_wake_task():
    """Who is about to sleep can be woken, or think better of it."""
    sleeper = (p.set_current_state(), p.set_running(), p.set_current_state())
    one = p.actor("one", *sleeper)
    made = p.compiled(p.Protocol([one, p.actor("two", p.wake_up_process(one))]))
    stage = Stage(())
    stage.small = protocol_world(made, Rules())
    stage.w = stage.small.w.tolist()
    woken = []
    for task, name in ((0, "prepare_sleep"), (0, "run"), (0, "prepare_sleep"), (1, "wake_task")):
        assert stage.go(task) == name
        woken.append(stage.word(lay.Q_WOKEN) & 1)
    assert woken == [0, 1, 0, 1]


@pytest.mark.parametrize("killable", [False, True])
def test_send_signal_wakes_who_can_be_killed(killable):
    """Others only find it pending: look_for_signal."""
    victim = p.actor("v", p.set_current_state(killable=killable), p.fatal_signal_pending(R))
    made = p.compiled(p.Protocol([victim, p.actor("k", p.send_signal(victim))]))
    stage = Stage(())
    stage.small = protocol_world(made, Rules())
    stage.w = stage.small.w.tolist()
    stage.go(0)
    assert stage.go(1) == "send_signal"
    assert stage.word(lay.Q_WOKEN) & 1 == int(killable)
    assert stage.go(0) == "look_for_signal"
    assert stage.local("r") == 1


def test_a_grace_period_waits_for_sections_that_have_begun():
    """rcu_read_lock, begin_grace, rcu_read_unlock, end_grace; a later section is not waited for."""
    reader = (p.rcu_read_lock(), p.rcu_read_unlock())
    stage = Stage(reader, reader, (p.synchronize_rcu(),))
    grace = stage.word(lay.Q_GRACE) + 2
    assert [stage.go(0), stage.go(2)] == ["rcu_read_lock", "begin_grace"]
    stage.go(1)
    assert stage.w[grace] == 1
    assert stage.go(0) == "rcu_read_unlock"
    assert stage.w[grace] == 0
    assert stage.go(2) == "end_grace"


def test_hold_cpu_counts():
    """preempt_disable() nests."""
    made = p.actor("one", p.preempt_disable(), p.preempt_disable(), p.preempt_enable(), cpu=0)
    compiled = p.compiled(p.Protocol([made, p.actor("two", p.store(X, 1), cpu=0)]))
    stage = Stage(())
    stage.small = protocol_world(compiled, Rules())
    stage.w = stage.small.w.tolist()
    assert stage.go(0, 2) == "hold_cpu"
    assert stage.w[stage.word(lay.Q_HELD)] == 2
    stage.go(0)
    assert stage.w[stage.word(lay.Q_HELD)] == 1


def test_a_store_through_the_tlb_outlives_the_pte():
    """store_tlb misses, walk_tlb makes the pte dirty, store_tlb stores whatever the pte is now."""
    twice = p.repeat(2, p.user_store(PTE, CELLS, 9))
    stage = Stage((twice, p.user_load(R, PTE, CELLS), p.flush_tlb(PTE)), (p.store(PTE, 0),))
    assert [stage.go(0) for _ in range(3)] == ["store_tlb", "walk_tlb", "store_tlb"]
    assert (stage.value("cells"), stage.value("pte")) == (9, 7)
    stage.go(1)
    assert [stage.go(0) for _ in range(3)] == ["store_tlb", "load_tlb", "flush_tlb"]
    assert stage.local("r") == 9
    assert stage.w[stage.word(lay.Q_TLB)] == 0


def test_write_variable_stores_what_an_expression_is_worth():
    """Of locals and numbers."""
    stage = Stage((p.let(R, 4), p.store(Y, R * 2)))
    assert stage.go(times=2) == "write_variable"
    assert stage.value("y") == 8


@pytest.mark.parametrize(("value", "stored"), [(4, 1), (3, 2)])
def test_when_locals_goes_one_way_or_the_other(value, stored):
    """It looks at locals alone."""
    stage = Stage((p.let(R, value), p.when(R == 4, p.store(Y, 1), otherwise=(p.store(Y, 2),))))
    assert stage.go(times=2) == "when_locals"
    stage.go()
    assert stage.value("y") == stored


def test_an_operand_holds_all_of_it():
    """Order, local, value and condition come back as they were put in."""
    how = WordOperand(lay.IS_RMW_FULL, 31, 65_000, 12_345)
    assert word_operand(how.operand) == how


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: fence("rwb"), "unknown fence 'rwb'"),
        (lambda: Stage((p.atomic(X, 1, order="weak"),)), "unknown order 'weak' of a atomic"),
        (lambda: Stage((p.load(R, CELLS),)), "'cells' is an array"),
        (lambda: Stage((p.load(R, CELLS[3]),)), "has 3 elements"),
        (lambda: Stage((p.leave(),)), "belong in a loop"),
        (lambda: Stage((p.wait_until(X == Y),)), "condition on one variable"),
        (lambda: Stage(("x",)), "expected a statement, found 'x'"),
        (lambda: bool(X == 1), "write when"),
        (lambda: X == "one", "expected a variable, a local or a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(make, what):
    """The message names what was asked for."""
    with pytest.raises((ProgramError, ProtocolError), match=what):
        make()


def test_schemes_and_actors_are_refused_steps_of_protocols():
    """No timed engine knows them: the message names the step."""
    from dataclasses import replace

    step = Step("write_variable", 0, 0)
    scheme, actor = load("no_fault_around"), load_actor("truncate")
    with pytest.raises(UnknownScheme, match="step 'write_variable' is for protocols"):
        faulting_program(replace(scheme, slow_path=(step, *scheme.slow_path)), {})
    with pytest.raises(UnknownScheme, match="step 'write_variable' is for protocols"):
        program_of_actor(replace(actor, steps=(step, *actor.steps)), {})
