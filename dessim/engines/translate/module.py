"""Translate functions and all that they call into one module of LLVM's language."""

import ast
import gc
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from dessim.engines.translate.blocks import RESULT, Names, meet
from dessim.engines.translate.expressions import CallFrame
from dessim.engines.translate.integers import WORD, Value, constant
from dessim.engines.translate.lines import SourceLines
from dessim.engines.translate.source import KernelFunction, read
from dessim.engines.translate.statements import Statements

POINTER = ir.PointerType()
TURNS_UNROLLED = 10  # philox has ten rounds
CALLED_OFTEN = frozenset(
    (
        *("draw_block", "enqueue", "arbitrate", "ride", "unlink", "farthest_sharer", "mm_line_ps"),
        *("insert", "tag_of", "l2_set", "page_walk_ps", "slice_is_over", "wake_walk_ps", "head_of"),
        *("keys_of_woken", "record_in_series", "rare_delay_ps", "slots_ps"),
    )
)
"""Functions of their own that are no ways aside: too long to be put in place of each call."""
ASIDE = "preserve_mostcc"
"""A function that is called saves what it uses: who seldom calls it keeps all in registers."""
SMALL = 60  # nodes of a tree: a call costs as much as what such a function does


class Module:
    """A module that grows by the functions that are called.

    Parameters
    ----------
    name : str
    inlined : frozenset of str
        Functions that are put in the place of each call, and with them all that are small. If there
        are any, all others count as seldom called: they stay functions, and the way that calls one
        is laid aside. If there are none, LLVM decides.
    constants : dict, optional
        Integers of modules that are to have another value here.
    lines : bool
        Whether instructions name the lines of the source from which they come.
    """

    DEEPEST = 60

    def __init__(
        self,
        name: str,
        *,
        inlined: frozenset[str] = frozenset(),
        constants: Mapping[str, int] | None = None,
        lines: bool = False,
    ) -> None:
        self.ir = ir.Module(name=name)
        self.inlined = inlined
        self.constants = dict(constants or {})
        self.lines = SourceLines(self.ir) if lines else None
        self.made: dict[Any, Any] = {}
        self.waiting: list[tuple[KernelFunction, Any, Names]] = []

    # --- what the writers ask -------------------------------------------------------------------

    def known_word(self, pointer: Any, index: Value) -> int | None:
        """Return the number that a word always is, or None."""
        return None

    def mark(self, access: Any, pointer: Any, index: Value, node: ast.expr) -> None:
        """Note at a load or a store which others it cannot meet; here nothing is known of that."""

    def in_place(self, source: KernelFunction, arguments: Names) -> bool:
        """Return whether a function is put in the place of a call."""
        return source.name in self.inlined or (bool(self.inlined) and source.size <= SMALL)

    def turns(self, first: Value, stop: Value, step: Value) -> range | None:
        """Return the numbers of a loop that is written turn by turn, or None."""
        if not all(isinstance(bound, int) for bound in (first, stop, step)):
            return None
        found = range(first, stop, step)
        return found if len(found) <= TURNS_UNROLLED else None

    def callee(self, source: KernelFunction, arguments: Names) -> tuple[Any, list[Any]]:
        """Return the LLVM function for a call, and what is passed to it."""
        if source.function not in self.made:
            self.made[source.function] = self.declare(source, dict.fromkeys(source.parameters))
        return self.made[source.function], [
            arguments[name] if name in source.pointers else _word(arguments[name])
            for name in source.parameters
        ]

    # --- making functions -----------------------------------------------------------------------

    def declare(self, source: KernelFunction, known: Names, name: str = "") -> Any:
        """Return a new function of the module; its body is written later.

        Parameters
        ----------
        source : KernelFunction
        known : dict
            Parameters, in order, with their numbers, or None of those that are passed.
        name : str
            If it is not the function's own.
        """
        passed = [parameter for parameter, number in known.items() if number is None]
        kinds = [POINTER if parameter in source.pointers else WORD for parameter in passed]
        unique = self.ir.get_unique_name(name or source.name)
        function = ir.Function(self.ir, ir.FunctionType(WORD, kinds), unique)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        if self.inlined:
            often = source.name in CALLED_OFTEN
            for attribute in ("noinline",) if often else ("noinline", "cold", "optsize"):
                function.attributes.add(attribute)
            function.calling_convention = ASIDE
        for argument, parameter in zip(function.args, passed, strict=True):
            argument.name = parameter
            if parameter in source.pointers:
                argument.add_attribute("noalias")
        self.waiting.append((source, function, known))
        return function

    def entry(self, function: types.FunctionType) -> Any:
        """Add a function that is called from outside, under its own name."""
        source = read(function)
        made = self.declare(source, dict.fromkeys(source.parameters))
        made.linkage = "external"
        for attribute in ("noinline", "cold", "optsize"):
            made.attributes.discard(attribute)
        made.calling_convention = ""
        self.made[function] = made
        return made

    def write_all(self) -> None:
        """Write the bodies of all functions that are declared, and of what they call."""
        while self.waiting:
            source, function, known = self.waiting.pop()
            self.write(source, function, known)

    def write(self, source: KernelFunction, function: Any, known: Names) -> None:
        """Write a function's body."""
        writer = Statements(self, function)
        passed = iter(function.args)
        names = {p: next(passed) if number is None else number for p, number in known.items()}
        writer.frame = CallFrame(source, names)
        writer.begin(source)
        writer.body(source)
        result = meet(writer.builder, writer.frame.returns, "return")
        if result is None:
            raise source.refuse(source.body[0], "never returns")
        writer.builder.ret(writer.numbers.word(result[RESULT]))


def _word(value: Value) -> Any:
    return constant(value) if isinstance(value, int) else value


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep Python from looking for garbage: a module is one great ring of what refers to it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def translate(
    functions: Iterable[Callable[..., Any]],
    *,
    inlined: frozenset[str] = frozenset(),
    constants: Mapping[str, int] | None = None,
    name: str = "dessim",
    lines: bool = False,
) -> str:
    """Return functions, and all that they call, in LLVM's language.

    Parameters
    ----------
    functions : iterable of functions
        Those that are called from outside; each has the name there that it has here.
    inlined, constants, lines
        As of ``Module``.
    name : str
        Of the module.

    Raises
    ------
    NotTranslatable
        If anything is not in the translator's language: with file and line.
    """
    module = Module(name, inlined=inlined, constants=constants, lines=lines)
    with collector_at_rest():
        for function in functions:
            assert isinstance(function, types.FunctionType)
            module.entry(function)
        module.write_all()
        return str(module.ir)
