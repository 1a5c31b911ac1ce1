"""Programs that could be run and would never end, or do what no kernel can."""

import pytest

from dessim import registry
from dessim.kernel import assembler
from dessim.kernel.alphabet import (
    ProgramError,
    Step,
    bug_on_mapped,
    each_folio,
    each_in_range,
    each_in_table,
    each_mapping,
    each_page,
    each_page_of_folio,
    each_table,
    go_to,
    label,
    lock,
    lock_page,
    note,
    option,
    retry_fault,
    trylock_page,
    unlock,
    unlock_page,
    wait_on_page,
    when,
    work,
)
from dessim.registry import parts
from dessim.schemes.no_fault_around import SLOW_PATH

LOOK = work("page_checks")


def a_scheme(*fault_around, **options):
    """Return a scheme that is in no folder."""
    parts_of_it = (fault_around, SLOW_PATH, options, {}, (), "mmap_lock")
    return registry.Scheme("bad", "", *parts_of_it, file="/here/bad.py")


def an_actor(*steps):
    """Return an actor that is in no folder."""
    return registry.Actor("bad", "", steps, {}, {}, file="/here/bad.py")


def refusal(one):
    """Return the sentence with which a scheme or an actor is refused."""
    is_actor = isinstance(one, registry.Actor)
    build = registry.program_of_actor if is_actor else registry.thread_program
    more = () if is_actor else (4,)
    with pytest.raises(ProgramError) as refused:
        build(one, {}, *more)
    return str(refused.value)


def spins_under(name, *steps):
    """Return a scheme that does something with a lock held."""
    return a_scheme(lock(name), *steps, unlock(name))


BAD = {
    "it goes round": (a_scheme(label("a"), LOOK, go_to("a")), "out of step 17 (work page_checks);"),
    "it goes round in an option": (
        a_scheme(option("on", label("a"), LOOK, go_to("a")), on=True),
        "out of step 17 (work page_checks);",
    ),
    "every fault begins again": (
        a_scheme(unlock("mmap_lock"), retry_fault()),
        "out of steps 5 (lock mmap_lock) to 17 (unlock mmap_lock);",
    ),
    "an actor goes round": (
        an_actor(label("a"), when("page.cached", LOOK), go_to("a")),
        "no way leads out of steps 3 (when cached) to 4 (work page_checks);",
    ),
    "a go_to comes to itself": (a_scheme(label("a"), go_to("a")), "jumps lead in a circle"),
    "nothing has that label": (a_scheme(go_to("nowhere")), "no label is called 'nowhere'"),
    "two have that label": (a_scheme(label("a"), label("a")), "two labels are called 'a'"),
    "one cost has two times": (
        a_scheme(work("a", "5ns"), work("a", "6ns")),
        "cost 'a' has two times, 5 and 6 ns: give one of them another name",
    ),
    "the page lock under a spinlock": (
        spins_under("ptl", lock_page(), unlock_page()),
        "may sleep with the spinlock ptl, taken at step 17 (lock ptl); drop it before: at step 18",
    ),
    "a mutex under a spinlock": (
        spins_under("tree_lock", lock("i_mmap_mutex"), unlock("i_mmap_mutex")),
        "may sleep with the spinlock tree_lock, taken at step 17",
    ),
    "a page's lock is waited for under a spinlock": (
        spins_under("page_table_lock", each_page(wait_on_page())),
        "may sleep with the spinlock page_table_lock",
    ),
    "a semaphore under a spinlock on one way": (
        an_actor(
            lock("ptl"),
            when("page.cached", lock("mmap_lock_write"), unlock("mmap_lock_write")),
            unlock("ptl"),
        ),
        "may sleep with the spinlock ptl",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_with_its_file(name):
    """Before it runs, with the step and what to do."""
    one, sentence = BAD[name]
    kind = "actor" if isinstance(one, registry.Actor) else "scheme"
    said = refusal(one)
    assert said.startswith(f"/here/bad.py: {kind} 'bad'")
    assert sentence in said


@pytest.mark.parametrize(
    "steps",
    [
        (label("a"), when("window.open", LOOK, go_to("a"))),
        (lock("ptl"), trylock_page(unlock_page()), unlock("ptl")),
        (lock("i_mmap_mutex"), lock("ptl"), unlock("ptl"), unlock("i_mmap_mutex")),
        (work("a", "5ns"), work("a", "5ns"), work("b", "6ns")),
        (option("on", work("a", "5ns"), otherwise=(work("a", "6ns"),)),),
    ],
    ids=["a way out", "a try", "a spinlock in a mutex", "one time", "one time for each option"],
)
def test_what_is_like_it_and_right_is_taken(steps):
    """A loop with a way out, a lock that is only tried, a spinlock under a mutex."""
    assert registry.thread_program(a_scheme(*steps, on=False), {}, 4).steps


@pytest.mark.parametrize("inner", [each_page, each_folio])
@pytest.mark.parametrize("outer", [each_page, each_folio, each_page_of_folio])
def test_loops_over_the_window_do_not_nest(outer, inner):
    """The inner one goes back to the target, from which the outer one goes on for ever."""
    said = refusal(a_scheme(outer(when("pte.none", inner(LOOK)))))
    assert f"{inner.__name__} within {outer.__name__} never ends" in said


@pytest.mark.parametrize("inner", [each_in_range, each_table, each_in_table])
@pytest.mark.parametrize("outer", [each_in_range, each_table, each_in_table])
def test_loops_over_a_range_nest_only_by_tables(outer, inner):
    """The pages of a table within the tables; the mappings in between change nothing."""
    if (outer, inner) == (each_table, each_in_table):
        assert registry.program_of_actor(an_actor(outer(inner(LOOK))), {}).steps
        return
    for one in (an_actor(outer(inner(LOOK))), an_actor(outer(each_mapping(inner(LOOK))))):
        assert f"{inner.__name__} within {outer.__name__} never ends" in refusal(one)


def test_a_program_has_thousands_of_steps_at_most():
    """However few are written: a step that stands in two places is laid out twice."""
    steps = (LOOK,)
    for _ in range(60):
        steps = (when("page.cached", *steps, otherwise=steps),)
    assert "more than 20,000 steps: use loops" in refusal(a_scheme(*steps))
    assert assembler.MOST_STEPS > 3 * parts.MOST_STEPS


@pytest.mark.parametrize(
    ("word", "given", "why"),
    [
        (lock, 5, "a lock is a text that prints, not 5"),
        (when, 5, "a condition is a text that prints, not 5"),
        (work, 5, "a cost is a text that prints, not 5"),
        (lambda time: work("a", time), 5, "a time is a text that prints, not 5"),
        (lambda name: work(name, "5ns"), 5, "a cost is a text that prints, not 5"),
        (lambda name: work(name, "5ns"), "a\x1b[2J", "a cost is a text that prints"),
        (lock, ("x",) * 10**6, "a lock is a text that prints, not"),
        (note, 5, r"note\(\) takes True or False, not 5"),
        (bug_on_mapped, "bug3", "unknown bug 'bug3'; did you mean"),
    ],
)
def test_a_word_says_what_it_takes(word, given, why):
    """Not what Python makes of something else."""
    with pytest.raises(ProgramError, match=why) as refused:
        word(given)
    assert len(str(refused.value)) < 300


def test_options_of_dessim_are_those_that_it_sets(monkeypatch):
    """A scheme or an actor cannot call its own like them: the list has each, and no other."""
    found = set()

    def assembled(steps, options, **more):
        found.update(options)
        return assembler.assemble(steps, options, **more)

    monkeypatch.setattr("dessim.registry.programs.assemble", assembled)
    linux, actor = registry.load("linux"), registry.load_actor("map_unmap")
    for fault in ("read", *linux.faults):
        registry.thread_program(linux, {}, 4, fault=fault)
    registry.faulting_program(linux, {})
    assert found - set(linux.options) == parts.OF_DESSIM["SLOW_PATH"]
    found.clear()
    registry.program_of_actor(actor, {}, faults_write=True)
    usual = {"lock", "owner_near"}  # the scheme's, or the actor's own
    assert found - set(actor.options) - usual == parts.OF_DESSIM["ACTOR"]


@pytest.mark.parametrize(
    "name", [*registry.names(), *registry.actor_names(), *registry.protocol_names()]
)
def test_what_ships_keeps_to_the_rules_for_your_own(name):
    """Loading checks each part; names that are listed can be loaded."""
    loads = (registry.load, registry.load_actor, registry.load_protocol)
    lists = (registry.names(), registry.actor_names(), registry.protocol_names())
    assert any(name in names and load(name).name for load, names in zip(loads, lists, strict=True))


def test_steps_are_shown_with_the_name_of_their_own_cost():
    """The listing has the name and the time."""
    program = registry.thread_program(a_scheme(work("my_check", "120ns")), {}, 4)
    assert "work my_check (120 ns)" in program.listing
    assert Step("own_work", 120_000, cost="my_check", category="lookup") == work(
        "my_check", "120ns"
    )
