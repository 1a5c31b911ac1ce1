"""Litmus tests in herd7's C form: the catalogue is read and judged as it is documented."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from litmus_files import c_form
from litmus_rows import CATALOGUE
from studies import loaded

from dessim.cli.main import main
from dessim.study.check import LitmusError, check_litmus, read_litmus

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "litmus"
in_checkout = pytest.mark.skipif(not FOLDER.exists(), reason="only a checkout has the study")


@pytest.fixture(scope="module")
def study():
    """Return the script that makes the table of the catalogue as a module."""
    return loaded(FOLDER / "study.py")


@in_checkout
def test_the_files_of_the_catalogue_say_what_the_short_form_says():
    """But for pointers and plain accesses, which it does not have. Four more files are of locks,
    two of RCU.
    """
    own = ("MP+onceassign+derefonce", "dep+plain")
    short = {row.name: c_form(row) for row in CATALOGUE if row.name not in own}
    for name, text in short.items():
        assert (FOLDER / f"{name}.litmus").read_text() == text
    others = {path.stem for path in FOLDER.glob("*.litmus")} - set(short)
    assert others == {
        *(*own, "RCU+sync+free", "RCU+sync+read"),
        *("DCL-broken", "DCL-fixed", "RM-broken", "RM-fixed"),
    }


@in_checkout
def test_the_table_of_the_catalogue_is_what_is_found(study):
    """Read again, judged again in all models, the files give the committed table, which the note
    shows.
    """
    found = study.rows()
    assert study.as_csv(found) == (FOLDER / "verdicts.csv").read_text()
    assert study.table(found) == (FOLDER / "table.md").read_text()
    note = (ROOT / "docs" / "races.md").read_text()
    assert study.table(found) == note.split("<!-- litmus-table -->\n")[1].split("<!-- end -->")[0]


@in_checkout
def test_documented_results_are_met_and_stronger_models_forbid_no_less(study):
    """Two exceptions in 47; what Linux forbids, sc, tso and pso forbid, too."""
    rows = list(csv.DictReader((FOLDER / "verdicts.csv").read_text().splitlines()))
    differ = {row["test"]: row["lkmm"] for row in rows if row["lkmm"] != row["documented"]}
    assert differ == {"LB+poonceonces": "Unknown", "dep+plain": "refused (12:2)"}
    for row in rows:
        if row["documented"] == "Never" and row["test"] not in differ:
            assert {row[memory] for memory in ("sc", "tso", "pso")} == {"Never"}, row["test"]
    assert len(rows) == 47


READER = "rcu_read_lock(); r0 = READ_ONCE(*x); r1 = READ_ONCE(*y); rcu_read_unlock();"
UPDATER = "WRITE_ONCE(*y, 1); synchronize_rcu(); WRITE_ONCE(*x, 1);"
POINTER = "rcu_read_lock(); r0 = rcu_dereference(*p); r1 = READ_ONCE(*r0); rcu_read_unlock();"
SECTION = "rcu_read_lock(); WRITE_ONCE(*{0}, 1); r0 = READ_ONCE(*{1}); rcu_read_unlock();"
OTHERS = {
    # Documentation/litmus-tests/rcu: what they show, in other words
    "a reader that sees what follows a grace period sees what precedes it": (
        ("Never", "", (READER, UPDATER), "0:r0=1 /\\ 0:r1=0"),
    ),
    "without the grace period it need not": (
        (
            "Sometimes",
            "",
            (READER, UPDATER.replace("synchronize_rcu(); ", "")),
            "0:r0=1 /\\ 0:r1=0",
        ),
    ),
    "nobody uses what was freed behind a grace period": (
        (
            "Never",
            "int x = 1; int *p = &x; int z = 1;",
            (POINTER, "rcu_assign_pointer(*p, z); synchronize_rcu(); WRITE_ONCE(*x, 0);"),
            "0:r0=x /\\ 0:r1=0",
        ),
    ),
    "without a section around them both loads may be on both sides": (
        (
            "Sometimes",
            "int x = 1; int *p = &x; int z = 1;",
            (
                POINTER.replace("rcu_read_lock(); ", "").replace("rcu_read_unlock();", ""),
                "rcu_assign_pointer(*p, z); synchronize_rcu(); WRITE_ONCE(*x, 0);",
            ),
            "0:r0=x /\\ 0:r1=0",
        ),
    ),
    # as many grace periods as sections forbid a cycle; fewer do not
    "one section, one grace period": (
        (
            "Never",
            "",
            (SECTION.format("x", "y"), "WRITE_ONCE(*y, 1); synchronize_rcu(); r0 = READ_ONCE(*x);"),
            "0:r0=0 /\\ 1:r0=0",
        ),
    ),
    "two sections, one grace period": (
        (
            "Sometimes",
            "",
            (
                SECTION.format("x", "y"),
                SECTION.format("y", "z"),
                "WRITE_ONCE(*z, 1); synchronize_rcu(); r0 = READ_ONCE(*x);",
            ),
            "0:r0=0 /\\ 1:r0=0 /\\ 2:r0=0",
        ),
    ),
    "an address that was loaded orders the load from it": (
        (
            "Never",
            "int x = 0; int *p = &z;",
            (
                "WRITE_ONCE(*x, 1); smp_store_release(p, x);",
                "r0 = READ_ONCE(*p); r1 = READ_ONCE(*r0);",
            ),
            "1:r0=x /\\ 1:r1=0",
        ),
    ),
    "what is stored depends on what was loaded": (
        (
            "Never",
            "",
            ("r0 = READ_ONCE(*x); WRITE_ONCE(*y, r0);", "r0 = READ_ONCE(*y); WRITE_ONCE(*x, r0);"),
            "0:r0=1 /\\ 1:r0=1",
        ),
    ),
    "double-checked locking without acquire": (
        (
            "Sometimes",
            "",
            (
                "r0 = READ_ONCE(*x); if (r0 == 0) { spin_lock(s); r1 = READ_ONCE(*x);"
                " if (r1 == 0) { WRITE_ONCE(*y, 1); WRITE_ONCE(*x, 1); } spin_unlock(s); }"
                " r2 = READ_ONCE(*y);",
            )
            * 2,
            "0:r2=0 \\/ 1:r2=0",
        ),
    ),
    "double-checked locking with acquire and release": (
        (
            "Never",
            "",
            (
                "r0 = smp_load_acquire(x); if (r0 == 0) { spin_lock(s); r1 = READ_ONCE(*x);"
                " if (r1 == 0) { WRITE_ONCE(*y, 1); smp_store_release(x, 1); } spin_unlock(s); }"
                " r2 = READ_ONCE(*y);",
            )
            * 2,
            "0:r2=0 \\/ 1:r2=0",
        ),
    ),
    "atomic_inc() twice is 2": (
        ("Always", "atomic_t x = ATOMIC_INIT(0);", ("atomic_inc(x);",) * 2, "x=2"),
    ),
    "a failed cmpxchg() stores nothing": (
        (
            "Never",
            "int x = 1;",
            ("r0 = atomic_cmpxchg(x, 0, 2); if (!r0) WRITE_ONCE(*y, 1); else WRITE_ONCE(*y, 2);",),
            "x=2 \\/ y=1",
        ),
    ),
    "a loop waits": (
        (
            "Always",
            "",
            (
                "WRITE_ONCE(*y, 1); smp_store_release(x, 1);",
                "while (smp_load_acquire(x) == 0) cpu_relax(); r0 = READ_ONCE(*y);",
            ),
            "1:r0=1",
        ),
    ),
    "spin_is_locked() orders nothing": (
        (
            "Sometimes",
            "",
            (
                "spin_lock(s); WRITE_ONCE(*x, 1); spin_unlock(s);",
                "r1 = smp_load_acquire(x); r2 = spin_is_locked(s); r3 = spin_is_locked(s);",
            ),
            "1:r1=1 /\\ 1:r2=0 /\\ 1:r3=1",
        ),
    ),
}


def a_file(path, start, bodies, ending, quantifier="exists"):
    """Write a litmus test."""
    parameters = "int *x, int *y, int *z, int **p, spinlock_t *s"
    processes = "\n".join(
        f"P{n}({parameters})\n{{\n  int r0; int r1; int r2; int r3;\n  {body}\n}}"
        for n, body in enumerate(bodies)
    )
    path.write_text(f"C one\n\n{{\n{start}\n}}\n\n{processes}\n\n{quantifier} ({ending})\n")
    return path


@pytest.mark.parametrize("name", OTHERS)
def test_what_else_the_model_says(name, tmp_path):
    """RCU, pointers, dependencies, branches, loops and atomics have the results of the model."""
    for result, start, bodies, ending in OTHERS[name]:
        path = a_file(tmp_path / "one.litmus", start, bodies, ending)
        assert check_litmus(path).result == result


@pytest.mark.parametrize(
    ("body", "place", "what"),
    [
        ("*x = 1;", "10:3", "a plain store: write WRITE_ONCE()"),
        ("r0 = *x;", "10:8", "a plain load: write READ_ONCE()"),
        ("srcu_read_lock(x);", "10:3", "'srcu_read_lock()' is not supported"),
        ("r0 = READ_ONCE(x);", "10:18", "expected *x"),
        ("for (;;) ;", "10:3", "'for' is not supported"),
        ("WRITE_ONCE(*x, 99);", "10:18", "numbers are 0 to 15 here"),
        ("WRITE_ONCE(*x, 08);", "10:18", "numbers are 0 to 15 here (octal behind a 0), found 08"),
        ("WRITE_ONCE(*x, 020);", "10:18", "numbers are 0 to 15 here (octal behind a 0), found 020"),
        (
            f"WRITE_ONCE(*x, {'1' * 5000});",
            "10:18",
            "numbers are 0 to 15 here (octal behind a 0), found one",
        ),
        ("r0 = smp_mb();", "10:8", "'smp_mb()' returns nothing"),
        ("r0 = q;", "10:8", "'q' is neither a parameter nor a local"),
        ("spin_lock(x);", "10:13", "'x' is not a spinlock_t"),
        ("r0 = READ_ONCE(*x)", "11:1", "expected ';'"),
        ("r0 = 1 @ 2;", "10:10", "unknown character"),
        ("int r0; int r0;", "10:7", "'r0' is declared twice"),
        ("r0 = (int", "14:1", "the file ends too soon"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(body, place, what, tmp_path):
    """File, line and column, and what can be done."""
    path = a_file(tmp_path / "one.litmus", "", (body,), "x=1")
    with pytest.raises(LitmusError, match=re.escape(f"one.litmus:{place}: {what}")):
        read_litmus(path)


@pytest.mark.parametrize("number", ["0x7fffffffffffffff", "1" * 5000, "08"])
@pytest.mark.parametrize("start", [True, False])
def test_a_process_that_cannot_be_is_named_with_its_place(number, start, tmp_path):
    """In the initial state and in the condition."""
    first, ending = (f"{number}:r0=1;", "x=1") if start else ("", f"{number}:r0=1")
    path = a_file(tmp_path / "one.litmus", first, ("r0 = 1;",), ending)
    place = "4:1" if start else "13:9"
    with pytest.raises(LitmusError, match=f"one.litmus:{place}: numbers are 0 to 15 here"):
        read_litmus(path)


@pytest.mark.parametrize("name", ["P\u00b2", "P" + "1" * 5000])
def test_a_name_that_is_no_process_is_refused(name, tmp_path):
    """A digit that is none, and one of thousands of digits."""
    path = a_file(tmp_path / "one.litmus", "", ("r0 = 1;",), "x=1")
    path.write_text(path.read_text().replace("P0(", f"{name}("))
    with pytest.raises(LitmusError, match="expected a process, as P0"):
        read_litmus(path)


@pytest.mark.parametrize(
    ("first", "added", "condition", "what"),
    [
        ("x=1; x=2;", "", "x=1", "4:6: 'x' has two initial values"),
        ("0:r0=1; 0:r0=2;", "", "x=1", "4:9: 0:r0 has two initial values"),
        ("", "P0(int *x)\n{\n}\n", "x=1", "13:1: two processes are called P0"),
        ("", "", "7:r0=1", "13:9: there is no process P7, only P0"),
        ("", "", " /\\ ".join(["x=1"] * 1500), "a litmus test has at most 4,000 words"),
        ("", "locations [x", "x=1", "14:1: the file ends too soon"),
        ("", "", "x=1) filter (", "expected the end of the file"),
    ],
)
def test_what_is_said_twice_or_not_there_is_refused(first, added, condition, what, tmp_path):
    """Each is a slip of whoever wrote the test."""
    path = a_file(tmp_path / "one.litmus", first, ("r0 = 1;",), condition)
    path.write_text(path.read_text().replace("exists", f"{added}exists"))
    with pytest.raises(LitmusError, match=re.escape(what)):
        read_litmus(path)


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        ("r0 = 1;", "(" * 1500 + "x=1" + ")" * 1500),
        ("r0 = " + "(" * 1500 + "1" + ")" * 1500 + ";", "x=1"),
        ("r0 = " + "!" * 3000 + "1;", "x=1"),
        ("r0 = " + "+".join("1" * 1800) + ";", "x=1"),
        ("if (1) { " * 600 + "}" * 600, "x=1"),
    ],
)
def test_what_is_nested_too_deep_is_refused(body, condition, tmp_path):
    """Also where only what is made of it is deep: a chain of operators."""
    path = a_file(tmp_path / "one.litmus", "", (body,), condition)
    with pytest.raises(LitmusError, match="nested too deep"):
        check_litmus(path, bound=10)


def dessim_check(*words):
    """Run the command; return its result."""
    return CliRunner().invoke(main, ["check", *map(str, words)])


def test_the_command_judges_claims(tmp_path):
    """~exists that happens and forall that does not always fail; a wrong Result: line does, too."""
    store, load = "WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x);"
    for quantifier, ending, code in (
        ("exists", "1:r0=1", 0),
        ("~exists", "1:r0=1", 1),
        ("~exists", "1:r0=2", 0),
        ("forall", "1:r0=1", 1),
        ("forall", "x=1", 0),
    ):
        path = a_file(tmp_path / "one.litmus", "", (store, load), ending, quantifier)
        assert dessim_check(path).exit_code == code, (quantifier, ending)
    path.write_text(path.read_text().replace("C one", "C one\n(* Result: Sometimes *)"))
    done = dessim_check(path)
    assert done.exit_code == 1
    assert "says Result: Sometimes, but it is Always" in done.stderr


def test_the_command_prints_rows_as_json(tmp_path):
    """With the schedule, which replays."""
    path = a_file(tmp_path / "one.litmus", "", ("WRITE_ONCE(*x, 1);",), "x=1")
    row = json.loads(dessim_check(path, "--format", "json", "--memory", "sc").stdout)
    assert (row["result"], row["memory"]) == ("Always", "sc")
    done = dessim_check(path, "--memory", "sc", "--replay", row["schedule"])
    assert done.exit_code == 0
    assert "WRITE_ONCE(x, 1)" in done.stdout
