"""What tests of the translator share: functions made of texts, and the language's integers."""

import itertools
import linecache
import operator
import types
from typing import Any

from dessim.engines import objects
from dessim.engines.translate.module import translate

NUMBER = itertools.count()


class I(int):  # noqa: E742 - it stands before every number of a text
    """An integer that does what the language says where CPython's own would not fit or would fail.

    Written from ``docs/translator.md``, without a look at the translator.
    """


def _wrapping(name: str) -> Any:
    act = getattr(operator, name)

    def one(self: int, other: int) -> I:
        return I(wrap(act(int(self), int(other))))

    return one


def wrap(number: int) -> int:
    """Return an integer's lowest 64 bits, with a sign."""
    return (number + 2**63) % 2**64 - 2**63


for _name in ("add", "sub", "mul", "and_", "or_", "xor"):
    setattr(I, f"__{_name.strip('_')}__", _wrapping(_name))
I.__neg__ = lambda self: I(wrap(-int(self)))
I.__invert__ = lambda self: I(~int(self))
I.__floordiv__ = lambda self, other: I(wrap(int(self) // int(other)) if other else 0)
I.__mod__ = lambda self, other: I(int(self) % int(other) if other else 0)
I.__lshift__ = lambda self, n: I(wrap(int(self) << int(n)) if 0 <= n < 64 else 0)
I.__rshift__ = lambda self, n: I(int(self) >> int(n) if 0 <= n < 64 else -(self < 0))


def functions(text: str, **more: Any) -> dict[str, types.FunctionType]:
    """Return the functions of a text, as if it were a file of dessim."""
    path = f"<translated {next(NUMBER)}>"
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    space = {"__name__": "dessim.of_a_test", **more}
    exec(compile(text, path, "exec", dont_inherit=True), space)
    return {k: v for k, v in space.items() if isinstance(v, types.FunctionType)}


def machine_code(function: types.FunctionType, level: int = 1, **how: Any) -> Any:
    """Return a function translated and compiled, as one that is called with arrays and numbers."""
    code = objects.emit(translate([function], **how), level)
    notes = function.__annotations__
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    arrays = tuple(notes[name] == "World" for name in names)
    return objects.Loaded(code, {function.__name__: arrays}).functions[function.__name__]
