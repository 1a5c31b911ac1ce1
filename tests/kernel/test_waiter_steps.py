"""Steps of protocols about those who wait: queues, signals, grace periods; and TLBs."""

from protocol_stage import CELLS, PTE, QUEUE, R, Stage

from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.kernel import layout as lay
from dessim.kernel import protocol as p


def waiting():
    """Return two actors that wait in a queue, and one that wakes the first twice."""
    waits = (p.prepare_to_wait(QUEUE), p.schedule(), p.finish_wait(QUEUE, R))
    stage = Stage(waits, waits, (p.wake_up(QUEUE, R), p.wake_up(QUEUE, R)))
    stage.go(0)
    stage.go(1)
    return stage


def test_sleep_goes_on_once_somebody_has_woken_the_task():
    """It is a step of its own; whether it may come is for the explorer to say."""
    stage = waiting()
    stage.go(2)
    assert stage.go(0) == "sleep"
    assert stage.go(0) == "leave_queue"


def test_wake_first_wakes_who_sleeps_longest():
    """And reports whether it has woken anybody."""
    stage = waiting()
    before = stage.word(lay.Q_WOKEN)
    assert stage.go(2) == "wake_first"
    assert stage.word(lay.Q_WOKEN) == before | 1
    assert stage.local("r", 2) == 1


def test_leave_queue_reports_whether_the_task_still_stood_in_it():
    """Who was woken does not."""
    stage = waiting()
    stage.go(2)
    for task, stood in ((0, 0), (1, 1)):
        stage.go(task)
        assert stage.go(task) == "leave_queue"
        assert stage.local("r", task) == stood


def sleeper_and_waker(*sleeper, waker):
    """Return a stage of an actor that sleeps, and of one that acts on it."""
    one = p.actor("one", *sleeper)
    stage = Stage(())
    stage.small = protocol_world(p.compiled(p.Protocol([one, p.actor("two", waker(one))])), Rules())
    stage.w = stage.small.w.tolist()
    return stage


def test_run_takes_back_that_the_task_is_about_to_sleep():
    """It counts as woken again."""
    sleeper = (p.set_current_state(), p.set_running())
    stage = sleeper_and_waker(*sleeper, waker=p.wake_up_process)
    stage.go(0)
    assert stage.word(lay.Q_WOKEN) & 1 == 0
    assert stage.go(0) == "run"
    assert stage.word(lay.Q_WOKEN) & 1 == 1


def test_wake_task_wakes_one_that_is_about_to_sleep():
    """By its name, whatever it waits for."""
    stage = sleeper_and_waker(p.set_current_state(), waker=p.wake_up_process)
    stage.go(0)
    assert stage.go(1) == "wake_task"
    assert stage.word(lay.Q_WOKEN) & 1 == 1


def test_look_for_signal_finds_one_that_is_pending_and_no_other():
    """fatal_signal_pending()."""
    for signals in (0, 1):
        stage = sleeper_and_waker(p.fatal_signal_pending(R), waker=p.send_signal)
        if signals:
            stage.go(1)
        assert stage.go(0) == "look_for_signal"
        assert stage.local("r") == signals


def grace():
    """Return a reader, and one that waits for a grace period, with the word that counts readers."""
    stage = Stage((p.rcu_read_lock(), p.rcu_read_unlock()), (p.synchronize_rcu(),))
    return stage, stage.word(lay.Q_GRACE) + 1


def test_rcu_read_lock_begins_a_section_that_a_later_grace_period_waits_for():
    """The grace period notes who is inside."""
    stage, inside = grace()
    assert stage.go(0) == "rcu_read_lock"
    stage.go(1)
    assert stage.w[inside] == 1


def test_rcu_read_unlock_ends_the_section():
    """Nobody waits for it any more."""
    stage, inside = grace()
    stage.go(0)
    stage.go(1)
    assert stage.go(0) == "rcu_read_unlock"
    assert stage.w[inside] == 0


def test_begin_grace_does_not_wait_for_sections_that_begin_later():
    """They cannot hold what was taken away before."""
    stage, inside = grace()
    assert stage.go(1) == "begin_grace"
    stage.go(0)
    assert stage.w[inside] == 0


def test_end_grace_is_the_end_of_synchronize_rcu():
    """Its actor goes on."""
    stage, _ = grace()
    assert [stage.go(1), stage.go(1)] == ["begin_grace", "end_grace"]


def translating(*more):
    """Return a stage of an actor that loads and stores through the TLB of its CPU."""
    return Stage((p.user_store(PTE, CELLS, 9), p.user_load(R, PTE, CELLS), *more))


def test_walk_tlb_fills_the_tlb_and_makes_the_pte_dirty():
    """A store that misses walks the page tables first."""
    stage = translating()
    before = stage.value("pte")
    assert [stage.go(), stage.go()] == ["store_tlb", "walk_tlb"]
    assert stage.w[stage.word(lay.Q_TLB)] != 0
    assert stage.value("pte") == before | 4


def test_store_tlb_stores_through_an_entry():
    """It is there after the walk."""
    stage = translating()
    assert stage.go(times=3) == "store_tlb"
    assert stage.value("cells") == 9


def test_load_tlb_loads_through_an_entry():
    """What the store has left there."""
    stage = translating()
    assert stage.go(times=4) == "load_tlb"
    assert stage.local("r") == 9


def test_flush_tlb_forgets_the_entry():
    """On all CPUs that have it."""
    stage = translating(p.flush_tlb(PTE))
    assert stage.go(times=5) == "flush_tlb"
    assert stage.w[stage.word(lay.Q_TLB)] == 0
