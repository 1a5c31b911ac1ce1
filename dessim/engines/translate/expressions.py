"""Expressions: what is written for each kind of them."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from dessim.engines.translate.blocks import RESULT, Names, Way, meet
from dessim.engines.translate.integers import BIT, WORD, Integers, Value, constant
from dessim.engines.translate.source import EXTREMES, POINTERS, KernelFunction, read
from dessim.kernel import bits

FALSE = ir.Constant(BIT, 0)

WORD_BYTES = 8
INTRINSICS: tuple[Callable[..., int], ...] = (bits.lowest_bit, bits.highest_bit)
"""Functions for which an instruction is written instead of what they say."""


@dataclass
class CallFrame:
    """One call of a function, while it is written.

    Attributes
    ----------
    source : KernelFunction
    names : dict
        What local names stand for here: numbers, values, and the pointers of Worlds.
    returns : list of Way
        Ways that have come to a return.
    loops : list
        Of each loop around this place: the ways that go on with the next turn, and that leave.
    scope, called_from
        Of a module that keeps lines: what stands for the function, and for where it is called.
    """

    source: KernelFunction
    names: Names
    returns: list[Way] = field(default_factory=list)
    loops: list[tuple[list[Way], list[Way]]] = field(default_factory=list)
    scope: Any = None
    called_from: Any = None


class Expressions:
    """Writes expressions into one LLVM function.

    Parameters
    ----------
    module : Module
        Where functions are found that are called and not put in place.
    function : ir.Function
    """

    frame: CallFrame

    def __init__(self, module: Any, function: Any) -> None:
        self.module = module
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.numbers = Integers(self.builder)
        self.depth = 0

    def begin(self, source: KernelFunction, name: str = "") -> None:
        """Let the function that is written stand for one of the source, if lines are kept."""
        lines = self.module.lines
        if lines:
            self.frame.scope = lines.function(source, name)
            self.builder.function.set_metadata("dbg", self.frame.scope)
            line = source.function.__code__.co_firstlineno
            self.builder.debug_metadata = lines.place(self.frame.scope, line, None)

    def block(self, label: str) -> Any:
        """Return a new block of the function."""
        return self.builder.function.append_basic_block(label)

    # --- words ------------------------------------------------------------------------------------

    def pointer(self, node: ast.expr) -> Any:
        """Return the pointer that the name of a World stands for."""
        assert isinstance(node, ast.Name)
        return self.frame.names[node.id]

    def place(self, node: ast.expr, index: Value) -> Any:
        """Return the address of a word."""
        words = self.pointer(node)
        return self.builder.gep(words, [self.numbers.word(index)], source_etype=WORD)

    def load(self, node: ast.Subscript, index: Value) -> Value:
        """Return a word: a number if it is known never to change."""
        words = self.pointer(node.value)
        known = self.module.known_word(words, index)
        if known is not None:
            return known
        loaded = self.builder.load(self.place(node.value, index), typ=WORD)
        loaded.align = WORD_BYTES
        self.module.mark(loaded, words, index, node.slice)
        return loaded

    def store(self, node: ast.Subscript, index: Value, value: Value) -> None:
        """Store a word."""
        words = self.pointer(node.value)
        if self.module.known_word(words, index) is not None:
            raise self.frame.source.refuse(node, "stores to a word that is declared constant")
        stored = self.builder.store(self.numbers.word(value), self.place(node.value, index))
        stored.align = WORD_BYTES
        self.module.mark(stored, words, index, node.slice)

    # --- values -----------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Value:
        """Write an expression and return its value."""
        return getattr(self, f"value_{type(node).__name__.lower()}")(node)

    def value_constant(self, node: ast.Constant) -> Value:
        """Return a number."""
        return int(node.value)  # type: ignore[arg-type]

    def value_name(self, node: ast.Name) -> Value:
        """Return what a local name stands for, or a constant of the module."""
        source = self.frame.source
        if node.id in self.frame.names:
            return self.frame.names[node.id]
        if node.id in source.function.__code__.co_varnames:
            raise source.refuse(node, f"{node.id!r} has no value on every way to here")
        constants = self.module.constants
        return int(constants.get(node.id, source.function.__globals__[node.id]))

    def value_subscript(self, node: ast.Subscript) -> Value:
        """Return a word of a World."""
        return self.load(node, self.value(node.slice))

    def value_binop(self, node: ast.BinOp) -> Value:
        """Return the result of an operation."""
        left = self.value(node.left)
        return self.numbers.binary(node.op, left, self.value(node.right))

    def value_unaryop(self, node: ast.UnaryOp) -> Value:
        """Return the result of ``-``, ``+``, ``~`` or ``not``."""
        return self.numbers.unary(node.op, self.value(node.operand))

    def value_compare(self, node: ast.Compare) -> Value:
        """Return whether a comparison holds, or all of a chain: its parts are evaluated once."""
        left = self.value(node.left)
        return self.chain(left, list(zip(node.ops, node.comparators, strict=True)))

    def chain(self, left: Value, rest: list[tuple[ast.cmpop, ast.expr]]) -> Value:
        """Return whether a chain of comparisons holds; what follows a false one is skipped."""
        op, node = rest[0]
        right = self.value(node)
        first = self.numbers.compared(op, left, right)
        if len(rest) == 1:
            return first
        return self.choose(first, lambda: self.chain(right, rest[1:]), lambda: 0)

    def value_boolop(self, node: ast.BoolOp) -> Value:
        """Return the value of the part that decides, as Python does."""
        return self.deciding(isinstance(node.op, ast.And), node.values)

    def deciding(self, both: bool, nodes: list[ast.expr]) -> Value:
        """Return the first value that is false (``and``) or true (``or``), else the last one."""
        first = self.value(nodes[0])
        if len(nodes) == 1:
            return first
        if both:
            return self.choose(first, lambda: self.deciding(both, nodes[1:]), lambda: first)
        return self.choose(first, lambda: first, lambda: self.deciding(both, nodes[1:]))

    def value_ifexp(self, node: ast.IfExp) -> Value:
        """Return one of two values."""
        test = self.value(node.test)
        return self.choose(test, lambda: self.value(node.body), lambda: self.value(node.orelse))

    def choose(self, test: Value, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """Return what one of two writers returns; of a test that is known only one writes."""
        if isinstance(test, int):
            return yes() if test else no()
        blocks = self.block("yes"), self.block("no")
        self.builder.cbranch(self.numbers.bit(test), *blocks)
        before, ways = self.frame.names, []
        for block, write in zip(blocks, (yes, no), strict=True):
            self.builder.position_at_end(block)
            self.frame.names = dict(before)
            value = write()
            ways.append(Way(self.builder.block, {**self.frame.names, RESULT: value}))
        self._alike(ways)
        self.frame.names = meet(self.builder, ways, "chosen") or {}
        return self.frame.names.pop(RESULT)

    def _alike(self, ways: list[Way]) -> None:
        """Make all results words, unless all are bits."""
        kinds = {w.names[RESULT].type for w in ways if not isinstance(w.names[RESULT], int)}
        numbers = [w.names[RESULT] for w in ways if isinstance(w.names[RESULT], int)]
        if kinds == {WORD} or (len(kinds) == 1 and all(n in (0, 1) for n in numbers)):
            return
        for way in ways:
            self.builder.position_at_end(way.block)
            way.names[RESULT] = self.numbers.kept(way.names[RESULT])

    # --- calls ------------------------------------------------------------------------------------

    def value_call(self, node: ast.Call) -> Value:
        """Call a function, or put it in place of the call."""
        assert isinstance(node.func, ast.Name)
        if node.func.id in EXTREMES and self.frame.source.is_builtin(node.func.id):
            return self.extreme(node.func.id == "min", [self.value(each) for each in node.args])
        called = self.frame.source.called(node.func.id)
        assert called is not None
        source = read(called)
        arguments: dict[str, Any] = {}
        for name, argument in zip(source.parameters, node.args, strict=True):
            if called.__annotations__.get(name) in POINTERS:
                arguments[name] = self.pointer(argument)
            else:
                arguments[name] = self.numbers.kept(self.value(argument))
        worlds = [id(arguments[name]) for name in source.pointers]
        if len(set(worlds)) < len(worlds):  # LLVM may assume that they do not overlap
            raise self.frame.source.refuse(node, "passes one World twice")
        if called in INTRINSICS:
            return self.intrinsic(called, arguments)
        if self.module.in_place(source, arguments):
            return self.put_in_place(source, arguments)
        return self.call(source, arguments)

    def intrinsic(self, function: Callable[..., int], arguments: Names) -> Value:
        """Return what a function returns for which a processor has an instruction."""
        [value] = arguments.values()
        if isinstance(value, int):
            return function(value)
        if function is bits.lowest_bit:
            return self.builder.cttz(value, FALSE)
        return self.builder.sub(constant(bits.WORD_BITS - 1), self.builder.ctlz(value, FALSE))

    def extreme(self, least: bool, values: list[Value]) -> Value:
        """Return the least or the greatest of some values, all of which are evaluated."""
        best = self.numbers.kept(values[0])
        for value in values[1:]:
            better = self.numbers.compared(ast.Lt() if least else ast.Gt(), value, best)
            if isinstance(better, int):
                best = self.numbers.kept(value) if better else best
            else:
                word = self.numbers.word
                best = self.builder.select(self.numbers.bit(better), word(value), word(best))
        return best

    def call(self, source: KernelFunction, arguments: Names) -> Value:
        """Call a function of the module."""
        function, passed = self.module.callee(source, arguments)
        values = [v if v.type.is_pointer else self.numbers.word(v) for v in passed]
        return self.builder.call(function, values, cconv=function.calling_convention)

    def put_in_place(self, source: KernelFunction, arguments: Names) -> Value:
        """Write a function's body here; its ways to a return meet behind it."""
        outer, here = self.frame, self.builder.debug_metadata
        self.frame = CallFrame(source, arguments)
        if self.module.lines:
            self.frame.scope, self.frame.called_from = self.module.lines.function(source), here
        self.depth += 1
        if self.depth > self.module.DEEPEST:
            raise source.refuse(source.body[0], "calls itself, and is to be put in place")
        self.body(source)
        self.depth -= 1
        ways, self.frame = self.frame.returns, outer
        self.builder.debug_metadata = here
        names = meet(self.builder, (Way(w.block, _only(w.names)) for w in ways), source.name)
        if names is None:
            raise source.refuse(source.body[0], "never returns")
        return names[RESULT]

    def body(self, source: KernelFunction) -> None:
        """Write the statements of a function: see ``Statements``."""
        raise NotImplementedError


def _only(names: Names) -> Names:
    return {RESULT: names[RESULT]}
