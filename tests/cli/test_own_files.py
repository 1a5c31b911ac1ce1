"""Your own schemes, actors and protocols that are wrong in a way that only running them shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from typing_in import typed

from dessim import registry
from dessim.model import python_file

pytestmark = pytest.mark.usefixtures("empty_folder")

SCHEME = """
from dessim.kernel.alphabet import *
from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH

FAULT_AROUND = ()
"""
ACTOR = "from dessim.kernel.alphabet import *\nACTOR = ()\n"
PROTOCOL = "from dessim.kernel.protocol import *\n"
LOOK = 'work("page_checks")'


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Harmless files need no process of their own to be tried out in."""
    monkeypatch.setattr(python_file, "_tried", lambda path, changed_ns, then: "")


def written(folder: str, text: str) -> str:
    """Write a file of your own; return how its path begins in messages."""
    Path(folder).mkdir()
    path = Path(folder, "mine.py").resolve()
    path.write_text(text)
    return f"error: {path}"


BAD_PARTS = {
    "bounds the wrong way round": (
        "OPTIONS = {'size': 3}\nBOUNDS = {'size': (9, 0)}",
        "but that of 'size' is none: no number lies within",
    ),
    "a default out of bounds": (
        "OPTIONS = {'size': 10}\nBOUNDS = {'size': (0, 9)}",
        "BOUNDS: 'size' is 0 to 9, and its default 10",
    ),
    "bounds of no number": (
        "OPTIONS = {'size': True}\nBOUNDS = {'size': (0, 9)}",
        "BOUNDS: 'size' is no number in OPTIONS",
    ),
    "a name goes away": ("del SLOW_PATH", "SLOW_PATH stands in it, and is not there once it"),
    "a promise": ("PROMISES = ('bugl',)", "no property 'bugl'; did you mean 'bug2'?"),
    "no text": ("PROMISES = (5,)", "PROMISES must be a tuple of texts, but item 1 is 5 (int)"),
    "no step": (
        f"FAULT_AROUND = ({LOOK}, each_page({LOOK}, 5))",
        "FAULT_AROUND must be a tuple of steps, but item 2 of 'each_page', item 2 is 5 (int)",
    ),
    "a tuple in it": (f"FAULT_AROUND = (({LOOK},),)", "item 1 is a tuple: write * in front of it"),
    "an operand": ("FAULT_AROUND = (Step('lock', 'x'),)", "item 1 has an operand that is 'x', and"),
    "a label": ("FAULT_AROUND = (label(5),)", "item 1 has a label that is 5 (int), and no text"),
    "very many": (f"FAULT_AROUND = ({LOOK},) * 2_000_000", "5,000 of them at most: use a loop"),
    "exponentially many": (
        f"FAULT_AROUND = ({LOOK},)\nfor _ in range(60):\n"
        "    FAULT_AROUND = (each_page_of_folio(*FAULT_AROUND, *FAULT_AROUND),)",
        "5,000 of them at most: use a loop",
    ),
    "very deep": (
        "for _ in range(900): FAULT_AROUND = (option('x', *FAULT_AROUND),)",
        "FAULT_AROUND must be a tuple of steps, nested 100 deep at most",
    ),
    "a tuple that never ends": (
        f"class T(tuple):\n    def __iter__(self):\n        while True: yield {LOOK}\n"
        "FAULT_AROUND = T()",
        "FAULT_AROUND must be a tuple of steps, found T",
    ),
    "an option's name": ("OPTIONS = {5: 1}", "OPTIONS must be a dict, of on or off, numbers and"),
    "an option of dessim": ("OPTIONS = {'unmaps': True}", "'unmaps' is decided by workload or"),
    "an option's default": ("OPTIONS = {'x': 1.5}", "and texts, but 'x' is 1.5 (float)"),
    "an option's number": ("OPTIONS = {'x': 9**999}", "but 'x' is too large"),
    "a choice of nothing": ("CHOICES = {'x': ('a',)}", "CHOICES: 'x' is not in OPTIONS; there are"),
    "a choice without its default": (
        "OPTIONS, CHOICES = {'x': 'c'}, {'x': ('a', 'b')}",
        "CHOICES: 'x' is one of a, b, and its default in OPTIONS is 'c'",
    ),
    "excluded nothing": ("EXCLUDED = ({},)", "EXCLUDED must be a tuple of dicts, but item 1 is em"),
    "excluded one": ("EXCLUDED = {'x': 1}", "EXCLUDED must be a tuple of dicts, found dict: write"),
    "excluded numbers": ("EXCLUDED = (5,)", "EXCLUDED must be a tuple of dicts, but item 1 is 5"),
    "excluded what is not there": (
        "OPTIONS, EXCLUDED = {'on': True}, ({'one': True},)",
        "EXCLUDED: 'one' is not in OPTIONS; did you mean 'on'?",
    ),
    "excluded of another type": (
        "OPTIONS, REPAIRS = {'on': True}, ({'on': 1},)",
        "REPAIRS: 'on' is 1 (int), in OPTIONS True (bool)",
    ),
    "a kind of fault": ("FAULTS = {'reed': ()}", "but 'reed' is none of anonymous, write_shared"),
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_a_part_that_is_wrong_is_named(at_once: None, name: str) -> None:
    """The file, the part, and what of it."""
    text, said = BAD_PARTS[name]
    path = written("schemes", f"{SCHEME}{text}\n")
    done = typed("show", "scheme", "mine")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}: ")
    assert said in done.stderr
    assert len(done.stderr) < 500


def test_check_refuses_a_promise_that_nobody_can_keep(at_once: None) -> None:
    """A typo in PROMISES would look like a scheme that promises nothing."""
    written("schemes", f"{SCHEME}PROMISES = ('use_after_fre',)\n")
    done = typed("check", "mine", "-q")
    assert done.exit_code == 2
    assert "there is no property 'use_after_fre'; did you mean 'use_after_free'?" in done.stderr


LOADS = {
    "ACTOR": ("actors", registry.load_actor, ACTOR),
    "protocol": ("protocols", registry.load_protocol, "def protocol(): pass\n"),
}


@pytest.mark.parametrize("word", LOADS)
def test_actors_and_protocols_may_lose_their_name_too(at_once: None, word: str) -> None:
    """As a scheme: no traceback."""
    folder, load, text = LOADS[word]
    written(folder, f"{text}del {word}\n")
    with pytest.raises(registry.SchemeFileError, match=f"mine.py: {word} stands in it, and is not"):
        load("mine")


@pytest.mark.parametrize("name", ["a b", "ma-chine", "ma.chine"])
def test_a_file_that_nobody_can_name_is_listed_as_unusable(name: str) -> None:
    """Experiments take names of letters, digits and _: the list says so."""
    written("schemes", SCHEME)
    Path("schemes", f"{name}.py").write_text(SCHEME)
    lines = typed("list", "schemes").stdout.splitlines()
    (line,) = [line for line in lines if line.startswith(name)]
    assert "cannot be used:" in line
    assert "a name has up to 100 small letters, digits and _" in line


# --- protocols -----------------------------------------------------------------------------------

BAD_PROTOCOLS = {
    "ends": ("raise SystemExit", ":3: SystemExit"),
    "fails": ("raise KeyError('x')", ":3: KeyError: 'x'"),
    "is no protocol": ("return 5", ": protocol() returns 5 (int), and no Protocol(...)"),
    "has no actors": ("return Protocol([5])", ": AttributeError: 'int' object has no attribute"),
    "has a list that is none": ("return Protocol(5)", ": TypeError: 'int' object is not iterable"),
    "has nobody": ("return Protocol([actor('a', copies=0)])", ":3: actor 'a' has copies=0: it"),
    "has too many": ("return Protocol([actor('a', copies=10**15)])", ": a protocol has 1 to 6 act"),
}


@pytest.mark.parametrize("name", BAD_PROTOCOLS)
def test_a_protocol_that_cannot_be_built_is_named(at_once: None, name: str) -> None:
    """With its line, where there is one; never without a message."""
    text, said = BAD_PROTOCOLS[name]
    path = written("protocols", f"{PROTOCOL}def protocol():\n    {text}\n")
    done = typed("check", "mine", "-q", "--no-keep")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}{said}")


TRAPS = {
    "endless": ("while True: pass", "protocol() is still running after 0.5 s: it only returns a"),
    "eats": ("kept = bytes(3 << 30)", "protocol() takes more than 1024 MiB"),
    "ends at once": ("import os; os._exit(0)", "protocol() kills the process that reads it"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_protocol_that_is_a_trap_is_tried_out_first(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, as the file: both have the same limits."""
    text, said = TRAPS[name]
    path = written("protocols", f"{PROTOCOL}def protocol():\n    {text}\n")
    assert registry.load_protocol("mine").name == "mine"
    if name == "endless":
        monkeypatch.setattr(python_file, "PATIENCE_S", 0.5)
    done = typed("check", "mine", "-q", "--no-keep")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}: {said}")


def test_what_a_protocol_prints_is_no_result(at_once: None) -> None:
    """It goes to standard error, as what a scheme prints: JSON stays JSON."""
    text = "def protocol():\n    print('hello')\n    return Protocol([actor('a', end())])\n"
    written("protocols", PROTOCOL + text)
    done = typed("check", "mine", "-q", "--no-keep", "--format", "json")
    assert done.exit_code == 0
    assert done.stdout.startswith("[")
    assert "hello" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threads", "-1"), "option 'threads' of 'killed_waiter' is a number from 1 to 6: -1"),
        (("--set", "threads=0"), "option 'threads' of 'killed_waiter' is a number from 1 to 6: 0"),
        (("--threads", "99999999999"), "is a number from 1 to 6: 99999999999"),
        (("--set", f"threads={'9' * 5000}"), "takes a whole number: '999"),
    ],
)
def test_a_protocol_without_its_threads_says_nothing(words: tuple[str, str], said: str) -> None:
    """No verdict on what nobody does; nor on numbers that no list can hold."""
    done = typed("check", "killed_waiter", "-q", "--no-keep", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr) < 500


def test_a_default_may_be_named_however_large_it_is() -> None:
    """A number without bounds of its own is refused only if it is not the file's."""
    one = registry.Actor("mine", "", (), {"x": 10**10}, {})
    assert registry.options_of(one, {"x": 10**10}) == {"x": 10**10}
    with pytest.raises(registry.UnknownScheme, match="from -1000000000 to 1000000000: 10000000001"):
        registry.options_of(one, {"x": 10**10 + 1})


@pytest.mark.usefixtures("at_once")
def test_a_protocol_may_have_a_dash_in_its_name() -> None:
    """Only what stands in an experiment is made of small letters, digits and _."""
    text = (registry.files.PACKAGE / "protocols" / "killed_waiter.py").read_text()
    Path("protocols").mkdir()
    Path("protocols/my-lock.py").write_text(text)
    assert registry.load_protocol("my-lock").name == "my-lock"


@pytest.mark.parametrize(
    ("default", "value", "said"),
    [(True, 1, "true or false: 1"), ("a", 1, "a text: 1"), (1, "a", "a whole number: 'a'")],
)
def test_an_option_says_what_it_takes(default: object, value: object, said: str) -> None:
    """In words that are no Python."""
    one = registry.Actor("mine", "", (), {"x": default}, {})
    with pytest.raises(registry.UnknownScheme, match=f"option 'x' of 'mine' takes {said}"):
        registry.options_of(one, {"x": value})
