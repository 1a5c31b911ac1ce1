"""Read functions of the kernel, and refuse what is not in the translator's language.

The language is a part of Python: integers, words of sequences of integers, tests, loops over ranges
and calls of functions of the same kind (``docs/translator.md``). A function is checked as a whole,
also where its code is never reached.
"""

import ast
import linecache
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dessim.kernel.layout import World

POINTERS: tuple[Any, ...] = (World, "World", Any, "Any")
"""Annotations of parameters that are sequences of words; all others are integers."""

ARITHMETIC = (
    *(ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
)
COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
EXTREMES = ("min", "max")
STATEMENTS = (
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.If),
    *(ast.While, ast.For, ast.Break, ast.Continue, ast.Pass),
)
EXPRESSIONS = (
    *(ast.Constant, ast.Name, ast.Subscript, ast.BinOp, ast.UnaryOp),
    *(ast.Compare, ast.BoolOp, ast.IfExp, ast.Call),
)


class NotTranslatable(TypeError):  # noqa: N818 - the field's word for it
    """A function is not in the translator's language: the message begins with file and line."""


@dataclass(frozen=True, eq=False)
class KernelFunction:
    """A function that is in the language.

    Attributes
    ----------
    function : function
    parameters : tuple of str
    pointers : frozenset of str
        Those of them that are sequences of words.
    body : list of ast.stmt
    size : int
        Nodes of its tree: how long it is.
    """

    function: types.FunctionType
    parameters: tuple[str, ...]
    pointers: frozenset[str]
    body: list[ast.stmt] = field(repr=False)
    size: int

    @property
    def name(self) -> str:
        """Its name."""
        return self.function.__name__

    def refuse(self, node: ast.AST, what: str) -> NotTranslatable:
        """Return the error that names file, line and what is wrong there."""
        line = getattr(node, "lineno", self.function.__code__.co_firstlineno)
        path = self.function.__code__.co_filename
        return NotTranslatable(f"{path}:{line}: in {self.name}(): {what}")

    def is_builtin(self, name: str) -> bool:
        """Return whether a name is neither local nor the module's own."""
        return not (name in self.function.__globals__ or name in self.function.__code__.co_varnames)

    def called(self, name: str) -> types.FunctionType | None:
        """Return the function that a name stands for, if it does."""
        value = self.function.__globals__.get(name)
        return value if isinstance(value, types.FunctionType) else None


@cache
def read(function: types.FunctionType) -> KernelFunction:
    """Return a function's source, checked.

    Raises
    ------
    NotTranslatable
        If it is not in the language, or its file is no longer what was imported.
    """
    node = _definition(function)
    parameters = tuple(argument.arg for argument in node.args.args)
    notes = function.__annotations__
    pointers = frozenset(name for name in parameters if notes.get(name, int) in POINTERS)
    size = sum(1 for _ in ast.walk(node))
    source = KernelFunction(function, parameters, pointers, node.body, size)
    for argument in node.args.args:
        note = notes.get(argument.arg)
        if note not in (int, bool, "int", "bool", *POINTERS):
            raise source.refuse(argument, f"{argument.arg!r} is neither an int nor a World")
    plain = node.args
    if plain.vararg or plain.kwarg or plain.kwonlyargs or plain.posonlyargs or plain.defaults:
        raise source.refuse(node, "only plain parameters, without defaults, are translated")
    if node.decorator_list or function.__code__.co_freevars:
        raise source.refuse(node, "decorated functions and closures are not translated")
    _Check(source).statements(node.body)
    return source


@cache
def _definitions(path: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """Return the functions of a file by name and first line."""
    tree = ast.parse("".join(linecache.getlines(path)), path)
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {(node.name, min(_lines(node))): node for node in found}


def _lines(node: ast.FunctionDef) -> Iterator[int]:
    yield node.lineno
    yield from (decorator.lineno for decorator in node.decorator_list)


def _definition(function: types.FunctionType) -> ast.FunctionDef:
    """Return a function's tree; what it compiles to is what is in memory, or it is refused."""
    code = function.__code__
    here = f"{code.co_filename}:{code.co_firstlineno}: in {function.__name__}()"
    try:
        node = _definitions(code.co_filename).get((code.co_name, code.co_firstlineno))
    except (SyntaxError, ValueError):
        node = None
    if node is None:
        raise NotTranslatable(f"{here}: no such function there: was the file changed meanwhile?")
    made = compile(ast.Module([node], type_ignores=[]), code.co_filename, "exec", dont_inherit=True)
    same = (c for c in made.co_consts if isinstance(c, types.CodeType) and c.co_name == node.name)
    if code.co_freevars == () and not any(_meaning(c) == _meaning(code) for c in same):
        raise NotTranslatable(f"{here}: the file is not what was imported: it was changed since")
    return node


def _meaning(code: types.CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_names, code.co_varnames, code.co_consts


class _Check:
    """Looks at each node of a function once.

    Parameters
    ----------
    source : KernelFunction
    """

    def __init__(self, source: KernelFunction) -> None:
        self.source = source
        self.locals = set(source.function.__code__.co_varnames)

    def need(self, holds: object, node: ast.AST, what: str) -> None:
        """Refuse a node unless something holds."""
        if not holds:
            raise self.source.refuse(node, what)

    def statements(self, body: list[ast.stmt]) -> None:
        """Check some statements and all that they govern."""
        for node in body:
            kind = type(node).__name__
            self.need(isinstance(node, STATEMENTS), node, f"{kind} is not translated")
            getattr(self, f"check_{kind.lower()}", self.anything)(node)

    def anything(self, node: ast.stmt) -> None:
        """Check a statement that has no parts: pass, break, continue."""

    def check_assign(self, node: ast.Assign) -> None:
        """``a = b = value`` or ``a, b = value, value``."""
        for target in node.targets:
            if isinstance(target, ast.Tuple):
                values = node.value.elts if isinstance(node.value, ast.Tuple) else []
                self.need(len(target.elts) == len(values), node, "unpacks no tuple of its own")
                for each in target.elts:
                    self.target(each)
            else:
                self.target(target)
        if not isinstance(node.value, ast.Tuple):
            self.expression(node.value)
            return
        self.need(isinstance(node.targets[0], ast.Tuple), node, "a tuple is not a value")
        self.need(len(node.targets) == 1, node, "a tuple is not a value")
        for value in node.value.elts:
            self.expression(value)

    def check_annassign(self, node: ast.AnnAssign) -> None:
        """``a: int = value``."""
        self.need(node.value, node, "declares without a value")
        self.target(node.target)
        if node.value:
            self.expression(node.value)

    def check_augassign(self, node: ast.AugAssign) -> None:
        """``a += value``."""
        self.need(isinstance(node.op, ARITHMETIC), node, _no(node.op))
        self.target(node.target)
        self.expression(node.value)

    def check_expr(self, node: ast.Expr) -> None:
        """Check a call, or a text that says something."""
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        self.need(text or isinstance(node.value, ast.Call), node, "computes what nobody uses")
        if not text:
            self.expression(node.value)

    def check_return(self, node: ast.Return) -> None:
        """Check what is returned."""
        if node.value is not None:
            self.expression(node.value)

    def check_if(self, node: ast.If) -> None:
        """Check a test and its branches."""
        self.expression(node.test)
        self.statements(node.body)
        self.statements(node.orelse)

    def check_while(self, node: ast.While) -> None:
        """Check a loop."""
        self.need(not node.orelse, node, "a loop has no else")
        self.expression(node.test)
        self.statements(node.body)

    def check_for(self, node: ast.For) -> None:
        """Check a loop over a range, or over some numbers."""
        self.need(not node.orelse, node, "a loop has no else")
        self.need(isinstance(node.target, ast.Name), node, "a loop counts in a name")
        call = node.iter
        if isinstance(call, ast.Tuple) and call.elts:
            for each in call.elts:
                self.expression(each)
            self.statements(node.body)
            return
        counts = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        counts = counts and call.func.id == "range" and self.source.is_builtin("range")  # type: ignore[attr-defined]
        self.need(counts, node, "a for loop goes over a range")
        assert isinstance(call, ast.Call)
        self.need(
            1 <= len(call.args) <= 3 and not call.keywords, node, "range takes 1 to 3 numbers"
        )
        for argument in call.args:
            self.expression(argument)
        self.statements(node.body)

    def target(self, node: ast.expr) -> None:
        """Check what is assigned to."""
        fits = isinstance(node, (ast.Name, ast.Subscript))
        self.need(fits, node, "assigns to neither a name nor a word")
        if isinstance(node, ast.Name):
            self.need(node.id in self.locals, node, f"{node.id!r} is not local")
            self.need(node.id not in self.source.pointers, node, f"{node.id!r} is a World")
        else:
            self.expression(node)

    def expression(self, node: ast.expr) -> None:
        """Check an expression and its parts."""
        kind = type(node).__name__
        self.need(isinstance(node, EXPRESSIONS), node, f"{kind} is not translated")
        if isinstance(node, ast.Constant):
            self.need(type(node.value) in (int, bool), node, f"{node.value!r} is not an integer")
        elif isinstance(node, ast.Name):
            self.name(node)
        elif isinstance(node, ast.Subscript):
            pointer = isinstance(node.value, ast.Name) and node.value.id in self.source.pointers
            self.need(pointer, node, "only words of a parameter that is a World are read")
            self.expression(node.slice)
        elif isinstance(node, ast.Call):
            self.call(node)
        else:
            for operator in (getattr(node, "op", None), *getattr(node, "ops", ())):
                fits = (*ARITHMETIC, *COMPARISONS, ast.And, ast.Or, ast.unaryop, type(None))
                self.need(isinstance(operator, fits), node, _no(operator))
            for part in ast.iter_child_nodes(node):
                if isinstance(part, ast.expr):
                    self.expression(part)

    def name(self, node: ast.Name) -> None:
        """Check a value: a local one, or an integer of the module."""
        if node.id in self.locals:
            self.need(
                node.id not in self.source.pointers, node, f"the World {node.id!r} is not a value"
            )
            return
        value = self.source.function.__globals__.get(node.id)
        self.need(isinstance(value, int), node, f"{node.id!r} is not an integer of the module")

    def call(self, node: ast.Call) -> None:
        """Check a call of a function of the same kind, or of ``min`` and ``max``."""
        function = node.func.id if isinstance(node.func, ast.Name) else None
        if function in EXTREMES and self.source.is_builtin(function):
            self.need(len(node.args) > 1 and not node.keywords, node, f"{function} of some numbers")
            for argument in node.args:
                self.expression(argument)
            return
        known = function is not None and function not in self.locals
        called = self.source.called(function) if known and function else None
        if called is None:
            raise self.source.refuse(
                node, f"calls {ast.unparse(node.func)}, no function of its kind"
            )
        names = called.__code__.co_varnames[: called.__code__.co_argcount]
        self.need(not node.keywords, node, "passes arguments by name")
        self.need(len(node.args) == len(names), node, f"{function} takes {len(names)} arguments")
        for name, argument in zip(names, node.args, strict=True):
            if called.__annotations__.get(name, int) in POINTERS:
                own = isinstance(argument, ast.Name) and argument.id in self.source.pointers
                self.need(own, argument, f"{function} wants a World as {name!r}")
            else:
                self.expression(argument)


def _no(operator: ast.AST | None) -> str:
    return f"the operator {type(operator).__name__} is not translated"
