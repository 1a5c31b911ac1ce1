"""Comments of litmus tests: they may stand everywhere, and a dereference is none."""

import time

import pytest

from dessim.study.check import LitmusError, read_litmus
from dessim.study.check.litmus_text import Text

PLACES = ("title", "state", "heads", "start", "middle", "after", "call", "end", "claim", "last")
TEST = """C MP
{title}
{{ {state} int x = 0; }}
{heads}
P0(int *x, int *y)
{{{start}
\tWRITE_ONCE(*x, 1);
{middle}
\tsmp_store_release(y, 1); {after}
}}

P1(int *x, int *y)
{{
\tint r0;
\tint r1;
\tr0 = smp_load_acquire({call}y);
\tr1 = READ_ONCE(*x);
{end}
}}

exists (1:r0=1 {claim}/\\ 1:r1=0)
{last}
"""
COMMENTS = (
    "(* Bad outcome. *)",
    "(*Bad outcome*)",
    "(*\n * Result: Never\n *)",
    "(* as (* one *) in another *)",
    "(*(* two *)*)",
    "(**)",
    "(* WRITE_ONCE(*x, 1) was here *)",
    "(* a { and a ; and exists *)",
    "/* Bad; WRITE_ONCE(*x, 1) */",
    "// it's bad (*x\n",
)


def told(tmp_path, **texts):
    """Return the test with texts at some of the places, and its words."""
    path = tmp_path / "MP.litmus"
    path.write_text(TEST.format(**{**dict.fromkeys(PLACES, ""), **texts}))
    return read_litmus(path), [(word.kind, word.text) for word in Text(path).words]


@pytest.mark.parametrize("comment", COMMENTS)
def test_a_comment_changes_nothing_wherever_it_stands(comment, tmp_path):
    """At each place, and at all of them."""
    plain, words = told(tmp_path)
    for places in (*((place,) for place in PLACES), PLACES):
        found, same = told(tmp_path, **dict.fromkeys(places, comment))
        assert found.condition == plain.condition == "exists (1:r0=1 /\\ 1:r1=0)"
        assert same == words, places


@pytest.mark.parametrize("place", ["title", "start", "middle", "after", "end", "last"])
def test_a_comment_may_have_a_bracket_alone(place, tmp_path):
    """As in a list, where a statement may begin."""
    assert told(tmp_path, **{place: "(* 1) wait :-( *)"})


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("(*x)++;", 1),
        ("(* x) = 1;", 1),
        ("*(int *)x = 1;", 1),
        ("WRITE_ONCE(*x 1);", 15),
        ("WRITE_ONCE(*x, 1;", 17),
        ("WRITE_ONCE(*x, (int *)y, 2);", 24),
        ("if (*x) { }", 5),
        ("r9 = (*x);", 7),
        ("smp_store_release(&*x, 1);", 20),
    ],
)
def test_a_dereference_is_no_comment(statement, column, tmp_path):
    """What cannot be read is named where it stands, though comments follow."""
    with pytest.raises(LitmusError, match=rf"MP\.litmus:8:{column}: "):
        told(tmp_path, middle=statement, after="(* one *)", last="(* two *)")


@pytest.mark.parametrize("opened", ["(* Bad", "/* Bad (* x *)"])
def test_a_comment_without_an_end_is_named_where_it_begins(opened, tmp_path):
    """And not the words in it, or behind it."""
    with pytest.raises(LitmusError, match=r"MP\.litmus:22:3: this comment has no end"):
        told(tmp_path, last=f"  {opened}")


def test_comments_that_do_not_close_are_read_in_no_time(tmp_path):
    """Most of a mebibyte of them: the time does not grow with the square."""
    begun = time.process_time()
    told(tmp_path, title="(* (* *)" * 100_000)
    assert time.process_time() - begun < 10
