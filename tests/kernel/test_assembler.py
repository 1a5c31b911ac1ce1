"""The assembler: nested steps become a line of instructions with the right jumps."""

import pytest
from helpers import STOP, a_lab, a_machine, a_workload, scheme_program

from dessim import registry
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    count,
    each_page,
    fence,
    get_page,
    go_to,
    inc,
    jump,
    label,
    lock,
    option,
    set_pte,
    trylock_page,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.kernel.assembler import ProgramError, assemble
from dessim.kernel.world import ActorSetup

A, B, C = count("touches"), count("pte_lost"), count("trylock_lost")


def trace(*program, order=0, pages=16, **flags):
    """Run a program without rival to its stop; return the readable steps that it went through."""
    lab = a_lab(*program, order=order, workload=a_workload(pages))
    for flag, on in flags.items():
        lab.flag(0, getattr(lay, flag), on)
    steps, now = [], 0
    while lab.place(0) != "stop":
        steps.append(lab.place(0))
        now = lab.go(0, now)
        assert len(steps) < 1000
    return steps


def test_steps_follow_each_other_in_the_order_written():
    """A flat program runs from top to bottom."""
    assert trace(A, fence(), B) == ["count touches", "fence", "count pte_lost"]


@pytest.mark.parametrize("locked", [True, False])
def test_both_branches_join_behind_the_condition(locked):
    """One branch runs, never both, and both go on with what follows."""
    program = (when("page.unlocked", A, otherwise=(B,)), C)
    ran = trace(*program, FLAG_LOCKED=locked)[1:]
    assert ran == [f"count {'pte_lost' if locked else 'touches'}", "count trylock_lost"]


@pytest.mark.parametrize("locked", [True, False])
def test_a_condition_without_alternative_skips_its_body(locked):
    """Without `otherwise`, a failed condition goes straight on."""
    ran = trace(when("page.unlocked", A), C, FLAG_LOCKED=locked)[1:]
    assert ran == (["count trylock_lost"] if locked else ["count touches", "count trylock_lost"])


def test_conditions_nest():
    """Inner branches join inside the outer branch."""
    inner = when("page.uptodate", A, otherwise=(B,))
    program = (when("page.unlocked", inner, C, otherwise=(B, B)), fence())
    assert trace(*program)[2:] == ["count touches", "count trylock_lost", "fence"]
    ran = trace(*program, FLAG_UPTODATE=False)
    assert ran[2:] == ["count pte_lost", "count trylock_lost", "fence"]
    assert trace(*program, FLAG_LOCKED=True)[1:] == ["count pte_lost", "count pte_lost", "fence"]


def test_loops_follow_each_other_and_run_once_per_page():
    """Two loops over the window each run their own body once per page."""
    ran = trace(each_page(A), each_page(B), C, order=2)
    counts = [s for s in ran if s.startswith("count")]
    assert counts == ["count touches"] * 4 + ["count pte_lost"] * 4 + ["count trylock_lost"]


def test_a_condition_in_a_loop_decides_anew_for_each_page():
    """The trylock fails on the one locked page of the window only."""
    ran = trace(each_page(trylock_page(A, busy=(B,))), order=2, FLAG_LOCKED=True)
    counts = [s for s in ran if s.startswith("count")]
    assert counts == ["count pte_lost"] + ["count touches"] * 3


def test_a_jump_leads_to_its_label():
    """A plain jump skips what lies between, forwards, and costs no step."""
    assert trace(fence(), go_to("end"), A, label("end"), B) == ["fence", "count pte_lost"]


def test_a_jump_to_a_jump_leads_to_the_end_of_the_chain():
    """Jumps that lead to jumps are followed when the program is laid out."""
    there_and_back = (label("two"), go_to("end"), label("one"), go_to("two"), A, label("end"), B)
    assert trace(fence(), go_to("one"), A, *there_and_back) == ["fence", "count pte_lost"]


def test_a_branch_that_jumps_away_does_not_join():
    """A jump at the end of a branch leaves the condition for good."""
    program = (when("page.unlocked", A, go_to("end")), B, label("end"), C)
    assert trace(*program)[1:] == ["count touches", "count trylock_lost"]


def test_jumps_in_a_circle_are_refused():
    """Jumps that only lead to each other are a mistake, not an endless loop."""
    with pytest.raises(ProgramError, match="circle"):
        assemble((fence(), label("a"), go_to("b"), label("b"), go_to("a"), STOP))


@pytest.mark.parametrize("on", [True, False])
def test_an_option_chooses_steps_when_the_program_is_laid_out(on):
    """Only the chosen steps are in the program; the choice costs nothing when it runs."""
    program = assemble((option("precheck", A, otherwise=(B,)), STOP), {"precheck": on})
    assert program.listing == ("count touches" if on else "count pte_lost", "stop")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ((Step("frobnicate"),), "unknown step 'frobnicate'; the alphabet is add, "),
        ((option("precheck", A),), "unknown option 'precheck'"),
        ((jump("touch", "nowhere"),), "no label is called 'nowhere'"),
        ((label("here"), A, label("here")), "two labels are called 'here'"),
    ],
)
def test_mistakes_in_a_program_are_refused(program, message):
    """An unknown word, option or place, and a place named twice, are errors that name it."""
    with pytest.raises(ProgramError, match=message):
        assemble((*program, STOP))


def privacy(lab):
    """Return the privacy word of each instruction of a World, by its readable form."""
    base = lab.w[lay.H_PROG] + lay.I_PRIVATE
    words = [lab.w[base + i * lay.I_WORDS] for i in range(lab.program.steps)]
    return dict(zip(lab.program.listing, words, strict=True))


def test_only_steps_that_nobody_else_can_see_are_private():
    """Shared lines, locks, touches and ends are not private; page tables are if one's own."""
    steps = (work("rmap"), fence(), A, get_page(), lock("mmap_lock"), lock("ptl"), unlock("ptl"))
    steps = (*steps, jump("touch", "end"), label("end"))
    assert privacy(a_lab(*steps)) == {
        "work rmap": lay.PRIVATE_ALWAYS,
        "fence": lay.PRIVATE_ALWAYS,
        "count touches": lay.PRIVATE_ALWAYS,
        "page.refcount + 1": lay.PRIVATE_NEVER,
        "lock mmap_lock": lay.PRIVATE_NEVER,
        "lock ptl": lay.PRIVATE_ALWAYS,
        "unlock ptl": lay.PRIVATE_ALWAYS,
        "touch": lay.PRIVATE_NEVER,
        "stop": lay.PRIVATE_NEVER,
    }
    unsplit = a_machine(locks={"split_page_table_locks": False})
    for changes in (
        {"machine": unsplit},
        {"threads": 2, "workload": a_workload(mapping="shared")},
        {"actors": (ActorSetup(assemble((STOP,)), 1, 1),)},
    ):
        seen = privacy(a_lab(*steps, **changes))
        assert seen["lock ptl"] == seen["unlock ptl"] == lay.PRIVATE_NEVER


def test_a_step_keeps_the_line_if_the_task_comes_back_to_it():
    """A core asks to keep a page's line until the last step on that page before the next one."""
    body = (get_page(), trylock_page(inc("page.mapcount"), set_pte(), unlock_page()))
    program = assemble((each_page(*body), lock("mmap_lock"), STOP))
    runs = program.words[lay.I_RUN :: lay.I_WORDS]
    assert dict(zip(program.listing, runs, strict=True)) == {
        "window": 0,
        "page.refcount + 1": 1,
        "trylock page": 1,
        "page.mapcount + 1": 1,
        "set pte": 0,
        "unlock page": 0,
        "next page": 0,
        "lock mmap_lock": 0,
        "stop": 0,
    }


@pytest.mark.parametrize("scheme", registry.names())
def test_every_scheme_is_laid_out_with_all_its_jumps_inside_the_program(scheme):
    """Each scheme assembles, and each of its instructions leads to an instruction."""
    program = scheme_program(scheme, 4)
    assert len(program.words) == program.steps * lay.I_WORDS
    for word in (lay.I_TARGET, lay.I_NEXT):
        assert all(0 <= place < program.steps for place in program.words[word :: lay.I_WORDS])
    assert "stop" in program.listing
