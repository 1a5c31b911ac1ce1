"""The translator refuses what is not in its language, with file and line."""

import linecache

import numpy as np
import pytest
from translating import functions, machine_code

from dessim.engines.translate.module import translate
from dessim.engines.translate.source import NotTranslatable, read

REFUSED = {
    "return a / b": "the operator Div",
    "return a ** b": "the operator Pow",
    "return 1.5": "1.5 is not an integer",
    "return None": "None is not an integer",
    "return a is b": "the operator Is",
    "return a in w": "the operator In",
    "return w": "the World 'w' is not a value",
    "return w[0:2]": "Slice is not translated",
    "return a[0]": "only words of a parameter that is a World",
    "return unknown": "'unknown' is not an integer of the module",
    "return len(w)": "calls len, no function of its kind",
    "return min(w)": "min of some numbers",
    "return w.index(a)": "calls w.index, no function of its kind",
    "return f(w, a, b=b)": "passes arguments by name",
    "return f(w, a)": "f takes 3 arguments",
    "return f(a, a, b)": "f wants a World as 'w'",
    "return [a][0]": "only words of a parameter",
    "return (lambda: a)()": "calls lambda",
    "return (a := b)": "NamedExpr is not translated",
    "return a, b": "Tuple is not translated",
    "x = [a]\n    return x": "List is not translated",
    "w = a\n    return w": "'w' is a World",
    "a, b = f(w, a, b)\n    return a": "unpacks no tuple of its own",
    "x = a, b\n    return a": "a tuple is not a value",
    "a + b\n    return a": "computes what nobody uses",
    "global X\n    return a": "Global is not translated",
    "assert a\n    return a": "Assert is not translated",
    "raise a": "Raise is not translated",
    "with a:\n        return a": "With is not translated",
    "try:\n        return a\n    finally:\n        a = 1": "Try is not translated",
    "for i in w:\n        a = i\n    return a": "a for loop goes over a range",
    "for i in range(5, 0, 0):\n        a = i\n    return a": "the step of a range is not zero",
    "for i in range(a):\n        b = i\n    else:\n        b = 0\n    return b": "no else",
    "while True:\n        a += 1": "never returns",
    "if a:\n        x = 1\n    return x": "'x' has no value on every way to here",
    "for i in range(a):\n        x = i\n    return x": "'x' has no value on every way",
    "def g():\n        pass\n    return a": "FunctionDef is not translated",
    "yield a": "computes what nobody uses",
    "del a\n    return b": "Delete is not translated",
    "a: int\n    return b": "declares without a value",
}


@pytest.mark.parametrize(("body", "what"), REFUSED.items(), ids=REFUSED)
def test_what_is_not_in_the_language_is_refused(body, what):
    """Nothing is guessed: the error says in which line of which file what is wrong."""
    f = functions(f"\ndef f(w: World, a: int, b: int) -> int:\n    {body}\n", World="World")["f"]
    with pytest.raises(NotTranslatable) as error:
        translate([f])
    assert what in str(error.value)
    path, line, _ = str(error.value).split(":", 2)
    assert path == f.__code__.co_filename
    assert 2 <= int(line) <= 2 + body.count("\n") + 1


HEADS = {
    "def f(a): return 1": "neither an int nor a World",
    "def f(a: float) -> int: return 1": "neither an int nor a World",
    "def f(a: int = 1) -> int: return a": "without defaults",
    "def f(*a: int) -> int: return 1": "only plain parameters",
    "def f(*, a: int) -> int: return 1": "only plain parameters",
}


@pytest.mark.parametrize(("text", "what"), HEADS.items(), ids=HEADS)
def test_parameters_are_integers_and_worlds(text, what):
    """What is no integer and no sequence of words is refused at the head of a function."""
    with pytest.raises(NotTranslatable, match=what):
        translate([functions(text)["f"]])


def test_a_function_that_calls_itself_is_called_and_not_put_in_place():
    """Recursion is a call; put in place it would have no end, and is refused."""
    text = "def f(a: int) -> int:\n    return 1 if a <= 1 else a * f(a - 1)\n"
    assert machine_code(functions(text)["f"])(20) == 2432902008176640000
    with pytest.raises(NotTranslatable, match="calls itself"):
        translate([functions(text)["f"]], inlined=frozenset("f"))


def test_a_closure_is_refused():
    """A name that belongs to a function around is no constant."""
    text = (
        "def outer(b: int) -> int:\n    def f(a: int) -> int:\n        return a + b\n    return f\n"
    )
    inner = functions(text)["outer"](3)
    with pytest.raises(NotTranslatable, match="closures"):
        translate([inner])


def test_a_file_that_was_changed_since_is_refused():
    """What is translated is what was imported, never what the file says meanwhile."""
    f = functions("def f(a: int) -> int:\n    return a + 1\n")["f"]
    path = f.__code__.co_filename
    changed = ["def f(a: int) -> int:\n", "    return a + 2\n"]
    linecache.cache[path] = (1, None, changed, path)
    with pytest.raises(NotTranslatable, match="changed since"):
        read(f)
    linecache.cache[path] = (1, None, ["\n"], path)


def test_constants_of_a_module_can_be_given_another_value():
    """How the loop with a log is made of the loop without."""
    f = functions("SWITCH = 0\ndef f(a: int) -> int:\n    return a if SWITCH else 7\n")["f"]
    assert machine_code(f)(5) == 7
    assert machine_code(f, constants={"SWITCH": 1})(5) == 5


def test_only_arrays_of_words_are_taken():
    """Compiled code believes what it is given: so it is looked at before."""
    f = functions("def f(w: World) -> int:\n    return w[0]\n", World="World")["f"]
    compiled = machine_code(f)
    assert compiled(np.array([3, 4])) == 3
    for wrong in (np.zeros(2), np.zeros(2, dtype=np.int32), np.zeros(4, dtype=np.int64)[::2]):
        with pytest.raises(TypeError, match="contiguous"):
            compiled(wrong)
    with pytest.raises(TypeError, match="takes 1 arguments"):
        compiled()
