"""The command that shows the code of a step."""

import pytest

from dessim import registry
from dessim.engines.translate import __main__ as command
from dessim.kernel import layout as lay
from dessim.kernel.ops import NUMBERS
from dessim.kernel.world import build_world


def test_each_place_of_a_step_is_shown(capsys):
    """A step that a program has twice is shown twice, each with its line of the listing."""
    assert command.main(["gang_lookup_mapcount", "--step", "when_flags"]) == 0
    out = capsys.readouterr().out
    setup = command.a_setup("gang_lookup_mapcount", "ivybridge-ex-4s", 4)
    w = build_world(setup)
    ops = [
        int(w[w[lay.H_PROG] + pc * lay.I_WORDS + lay.I_OP])
        for pc in range(len(setup.program.listing))
    ]
    assert out.count("define i64") == ops.count(NUMBERS["when_flags"]) > 0
    assert out.count("\n; ") + 1 == out.count("define i64")


def test_what_is_shown_is_for_this_step_alone():
    """No operation is asked for any more: where the step goes on is a number."""
    w = build_world(command.a_setup("lock_each_page", "ivybridge-ex-4s", 4))
    [pc] = [pc for pc in range(60) if word(w, pc, lay.I_OP) == NUMBERS["when_not_target"]]
    text = command.code_of(w, pc)
    assert f"i64 {word(w, pc, lay.I_TARGET)}, i64 {word(w, pc, lay.I_NEXT)}" in text
    assert text.startswith("define")
    assert text.endswith("}")
    longer = command.code_of(w, pc, as_written=True)
    assert longer.count("\n") > text.count("\n")


def word(w, pc, which):
    """Return a word of an instruction."""
    return int(w[w[lay.H_PROG] + pc * lay.I_WORDS + which])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (["lock_each_page", "--step", "nope"], "no step 'nope'; it has 0 to"),
        (["nope", "--step", "touch"], "nope"),
        (["lock_each_page", "--step", "touch", "--machine", "nope"], "nope"),
    ],
)
def test_what_is_not_there_is_one_line_of_error(given, error, capsys):
    """A name that is not known is an error that says so, not a traceback."""
    assert command.main(given) == 2
    said = capsys.readouterr().err
    assert error in said
    assert "Traceback" not in said


def test_every_scheme_has_steps_to_show(capsys):
    """Each shipped scheme can be shown."""
    for scheme in registry.names():
        assert command.main([scheme, "--step", "0"]) == 0
    assert capsys.readouterr().out.count("define i64") == len(registry.names())
