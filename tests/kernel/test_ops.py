"""The table of operations: what is declared in part cannot be imported, assembled or run."""

import ast
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from helpers import STOP, a_lab, a_machine, a_workload
from tiny import seen, tiny

from dessim.engines import compiled, deadlock, reference
from dessim.engines.explorer.world import ScopeError
from dessim.kernel import cost_table, delays, page_waits, pages, steps
from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.alphabet import ProgramError, Step, get_page, work
from dessim.kernel.assembler import assemble
from dessim.kernel.operation import Operation, OperationError, OperationTable
from dessim.kernel.ops import LAST_NOTHING, NUMBERS, OP_FENCE, OPERATIONS, OPS, row_of
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world

ROOT = Path(__file__).parents[2]

# A row that lacks nothing; each case takes something from it, or adds what contradicts it.
WHOLE = Operation(
    "trial", about.PAGE, "trial()", lay.PAGE_LINE, lay.LINE_RMW, order=about.FULL, cost="rmap"
)
QUIET = Operation("trial", about.NOTHING, "trial()", takes_cost=True, private=lay.PRIVATE_ALWAYS)
BROKEN = {
    "its name is no identifier": (WHOLE, {"name": "no name"}),
    "it has no words": (WHOLE, {"words": ""}),
    "there is no group 'elsewhere'": (WHOLE, {"group": "elsewhere"}),
    "there is no cost 'gold'": (WHOLE, {"cost": "gold"}),
    "there is no cost 'silver'": (WHOLE, {"drawn": "silver", "own_delay": True}),
    "there is no category 'other'": (WHOLE, {"category": "other"}),
    "it asks for a line and does not say how": (WHOLE, {"access": None}),
    "it says how it asks for a line and not for which": (WHOLE, {"line": lay.NO_LINE}),
    "others see it, and it has no order": (WHOLE, {"order": None}),
    "it asks for a line that others take, and nobody sees it": (
        WHOLE,
        {"private": lay.PRIVATE_ALWAYS},
    ),
    "it does nothing, and takes no time": (QUIET, {"takes_cost": False}),
    "its time is drawn, and it has no rule for it": (QUIET, {"drawn": "think"}),
    "it takes or drops a lock without asking for its line": (WHOLE, {"locking": lay.TAKES_LOCK}),
    "it is a condition, and `when` has no name for it": (WHOLE, {"group": about.CONDITION}),
    "what opens its loop is named, and not the loop": (WHOLE, {"opened_by": "window"}),
    "it changes counts or ptes, and does not say what a task has in hand behind it": (
        WHOLE,
        {"changes": about.CHANGES_COUNTS},
    ),
}


def a_table(*rows):
    """Return a table with some rows."""
    table = OperationTable()
    for row in rows:
        table.add(row)
    return table


@pytest.mark.parametrize("message", BROKEN)
def test_a_row_that_is_not_complete_is_refused(message):
    """Each part that is missing, or contradicts another, is named; the whole row is taken."""
    whole, change = BROKEN[message]
    assert a_table(whole).rows == [whole]
    with pytest.raises(
        OperationError, match=re.escape(f"operation {change.get('name', 'trial')!r}")
    ):
        a_table(replace(whole, **change))
    assert replace(whole, **change).mistakes() == [message]


def test_every_mistake_that_a_row_can_have_is_tried():
    """The cases above are all that the check knows."""
    tree = ast.parse(Path(about.__file__).read_text())
    check = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "mistakes")
    said = next(n for n in ast.walk(check) if isinstance(n, ast.Dict))
    assert len(said.keys) == len(BROKEN)


def test_two_operations_cannot_have_one_name():
    """The second is refused."""
    with pytest.raises(OperationError, match="there is another of this name"):
        a_table(WHOLE, WHOLE)


def test_a_group_cannot_be_taken_up_again():
    """The dispatch tells groups apart by their last operations: each is in one piece."""
    other = replace(WHOLE, name="other", group=about.CACHE)
    with pytest.raises(OperationError, match="the group 'page' was left before it"):
        a_table(WHOLE, other, replace(WHOLE, name="late"))


def test_a_group_without_operations_has_no_last_one():
    """A dispatch on it would let everything pass."""
    with pytest.raises(OperationError, match="no operation is of the group 'actor'"):
        a_table(WHOLE).last(about.ACTOR)


@pytest.mark.parametrize("names", [{}, {"OP_TRIAL": 1}, {"OP_TRAIL": 0}])
def test_a_number_has_the_name_of_its_operation(names):
    """A number under another name, or another number under the name, is refused."""
    assert a_table(WHOLE).closed({"OP_TRIAL": 0}) == (WHOLE,)
    with pytest.raises(OperationError, match="OP_TRIAL is not the operation 'trial'"):
        a_table(WHOLE).closed(names)


def test_a_loop_is_opened_by_an_operation_that_exists():
    """What comes before a loop must be in the table."""
    row = replace(WHOLE, loop="each_trial", opened_by="nothing")
    with pytest.raises(OperationError, match="no operation 'nothing'"):
        a_table(row).closed({"OP_TRIAL": 0})


# --- effects and delays: a row alone does nothing ------------------------------------------------


def with_row(**change):
    """Return all rows, and behind them one that no branch knows."""
    return (*OPERATIONS, replace(WHOLE, **change))


def test_a_row_without_effect_is_refused():
    """No branch of its group's function mentions it."""
    with pytest.raises(OperationError, match="no effect of OP_TRIAL"):
        about.check_effects(with_row(), steps.step, steps.EFFECTS)


def test_a_group_without_dispatch_is_refused():
    """Neither a group that nothing carries out, nor one that `step` does not tell apart."""
    effects = {group: how for group, how in steps.EFFECTS.items() if group != about.FOLIO}
    with pytest.raises(OperationError, match="no dispatch of the group 'folio'"):
        about.check_effects(OPERATIONS, steps.step, effects)
    with pytest.raises(OperationError, match="no dispatch of the group 'page'"):
        about.check_effects(OPERATIONS, steps.branch, steps.EFFECTS)


def test_a_function_that_step_does_not_call_carries_nothing_out():
    """The function of a group must be reached."""
    effects = {**steps.EFFECTS, about.FOLIO: (page_waits.wait_for_page,)}
    with pytest.raises(OperationError, match="'folio' is never called"):
        about.check_effects(OPERATIONS, steps.step, effects)


def test_a_row_with_a_delay_of_its_own_and_no_rule_for_it_is_refused():
    """No branch of the delays mentions it."""
    rules = delays.RULES
    with pytest.raises(OperationError, match="no delay of OP_TRIAL"):
        about.check_delays(with_row(own_delay=True), rules, delays.delay_ps)


def test_a_row_with_a_line_that_nobody_asks_for_is_refused():
    """Every line of the table has a branch."""
    with pytest.raises(OperationError, match="nobody asks for the line of OP_TRIAL"):
        about.check_delays([replace(WHOLE, line=99)], (), delays.delay_ps)


def test_such_a_table_cannot_be_imported():
    """The checks are made when the kernel is imported: there is no run in which they are not."""
    code = (
        "from dessim.kernel import operation, layout as lay\n"
        "closed = operation.OperationTable.closed\n"
        "row = operation.Operation('trial', 'translation', 'trial()', order=operation.FULL)\n"
        "def half_declared(table, names):\n"
        "    return closed(table, {**names, 'OP_TRIAL': table.add(row)})\n"
        "operation.OperationTable.closed = half_declared\n"
        "import dessim.kernel.steps\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1].endswith("OperationError: no effect of OP_TRIAL")


# --- numbers that no branch knows ----------------------------------------------------------------

GROUPS = [group for group, functions in steps.EFFECTS.items() if functions]


@pytest.mark.parametrize("group", GROUPS)
def test_every_dispatch_ends_in_a_branch_that_fails(group):
    """An operation whose group's function does not know it has no meaning, whichever group."""
    lab = a_lab(work("rmap"))
    i = lab.w[lay.H_PROG]
    # a fence among the operations of the group: nobody there knows it
    lab.w[i + lay.I_OP] = OP_FENCE
    [function] = steps.EFFECTS[group]
    given = {"w": lab.w, "task": 0, "t": lab.w[lay.H_TASK], "i": i, "pc": 0, "done": 0}
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    assert function(*(given[name] for name in names)) == pages.MEANINGLESS


def test_a_number_behind_the_table_has_no_meaning():
    """The dispatch on groups ends in such a branch as well."""
    lab = a_lab(work("rmap"))
    lab.w[lab.w[lay.H_PROG] + lay.I_OP] = len(OPS)
    assert steps.step(lab.w, 0, lab.get(0, lay.T_PC), 0) == pages.MEANINGLESS


def spoil(w, **words):
    """Change words of the program's first instruction."""
    for name, value in words.items():
        w[w[lay.H_PROG] + getattr(lay, f"I_{name}")] = value


SPOILT = {
    "effect": {"OP": len(OPS)},
    "delay": {"OP": OP_FENCE, "TIMED": lay.OWN_RULE},
    "line": {"OP": OP_FENCE, "TIMED": lay.OWN_RULE - 1},
}


def spoilt_setup():
    """Return a run of one step."""
    return Setup(a_machine(), a_workload(), assemble((work("rmap"), STOP)), 1, 0, None, 1, 0)


@pytest.mark.parametrize("lacks", SPOILT)
def test_the_engines_say_which_operation_has_no_meaning(lacks):
    """A run that meets it ends at once, on both engines, with an error that names it."""
    w = build_world(spoilt_setup())
    spoil(w, **SPOILT[lacks])
    name = f"number {len(OPS)}" if lacks == "effect" else "fence"
    with pytest.raises(deadlock.MeaninglessStep, match=f"operation '{name}' has no branch"):
        reference.run(w.tolist(), check=False)
    with pytest.raises(deadlock.MeaninglessStep, match=f"operation '{name}' has no branch"):
        compiled.run(w)


def test_the_explorer_says_which_operation_has_no_meaning():
    """A search that meets it ends with an error that names it."""
    small = tiny((get_page(),))
    spoil(small.w, OP=len(OPS))
    with pytest.raises(ScopeError, match=f"knows the operation 'number {len(OPS)}'"):
        seen(small)


# --- steps that leave something out --------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Step("trial"), "unknown step 'trial'; the alphabet is add, "),
        (Step("work"), "step 'work' needs a cost"),
        (Step("work", cost="gold"), "unknown cost 'gold'"),
        (Step("set_pte", category="other"), "unknown category 'other'"),
        (Step("lock", 99), "no lock has the operands 99, 0"),
        (Step("add", 0, 1), "no word of a page has the operand 0"),
        (Step("count", len(lay.COUNTERS)), "no counter has the operand"),
    ],
)
def test_a_step_that_leaves_something_out_cannot_be_assembled(step, message):
    """An operation, a cost, a category or an operand that does not exist is named."""
    with pytest.raises(ProgramError, match=message):
        assemble((step, STOP))


def test_a_step_has_cost_and_category_of_its_operation_unless_it_says_others():
    """The row's are the rule; a program may say others."""
    own = assemble((Step("set_pte"), Step("set_pte", cost="none", category="ptl"), STOP)).words
    costs = [cost_table.COSTS[cost] for cost in own[lay.I_COST :: lay.I_WORDS]]
    categories = [lay.CATEGORIES[category] for category in own[lay.I_CATEGORY :: lay.I_WORDS]]
    assert costs[:2] == ["set_pte", "none"]
    assert categories[:2] == ["map", "ptl"]


# --- what the table says is all there is ---------------------------------------------------------


def test_every_number_leads_to_its_row():
    """Numbers, names and rows agree."""
    for number, row in enumerate(OPERATIONS):
        assert (NUMBERS[row.name], OPS[number], row_of(row.name)) == (number, row.name, row)
    assert OPERATIONS[LAST_NOTHING].group == about.NOTHING


def strings_of(tree):
    """Return the texts in collections of a module that consist of nothing else."""
    kinds = (ast.Tuple, ast.List, ast.Set)
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            texts = [e.value for e in node.elts if isinstance(e, ast.Constant)]
            if texts and len(texts) == len(node.elts):
                yield texts


def test_no_other_collection_lists_operations():
    """Neither names nor numbers of operations stand together anywhere else in the package."""
    found = []
    for path in sorted((ROOT / "dessim").rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = [texts for texts in strings_of(tree) if len(texts) > 1 and set(texts) <= set(OPS)]
        numbers = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Tuple, ast.List, ast.Set))
            and sum("OP_" in ast.unparse(e) for e in node.elts) > 2
        ]
        found += [(path.name, each) for each in (*names, *numbers)]
    assert found == []


def test_every_field_of_a_row_is_used_by_some_operation():
    """A field that all rows leave as it is would be one that nobody reads."""
    for field in fields(Operation):
        assert any(getattr(row, field.name) != field.default for row in OPERATIONS), field.name
