"""Statements: what is written for each. Each says whether control goes on behind it."""

import ast
from collections.abc import Iterable

from dessim.engines.translate.blocks import RESULT, Way, begin_loop, end_loop, meet
from dessim.engines.translate.expressions import Expressions
from dessim.engines.translate.integers import Value
from dessim.engines.translate.source import KernelFunction


def names_assigned(nodes: Iterable[ast.stmt]) -> set[str]:
    """Return the names to which some statements assign."""
    found = (part for node in nodes for part in ast.walk(node))
    return {
        part.id for part in found if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


class Statements(Expressions):
    """Writes statements into one LLVM function."""

    def body(self, source: KernelFunction) -> None:
        """Write a function's statements: its ways to a return are in the frame then."""
        if self.statements(source.body):
            self.come_back(0)

    def come_back(self, value: Value) -> None:
        """Note that a way has come to a return."""
        names = {**self.frame.names, RESULT: value}
        self.frame.returns.append(Way(self.builder.block, names))

    def statements(self, nodes: list[ast.stmt]) -> bool:
        """Write statements up to one behind which control does not go on."""
        return all(self.statement(node) for node in nodes)

    def statement(self, node: ast.stmt) -> bool:
        """Write one statement."""
        self.at_line(node)
        return bool(getattr(self, f"write_{type(node).__name__.lower()}")(node))

    def at_line(self, node: ast.stmt) -> None:
        """Let what is written from here on belong to a line of the source, if lines are kept."""
        lines, frame = self.module.lines, self.frame
        if lines:
            place = lines.place(frame.scope, node.lineno, frame.called_from)
            self.builder.debug_metadata = place

    def write_pass(self, node: ast.Pass) -> bool:
        """Do nothing."""
        return True

    def write_expr(self, node: ast.Expr) -> bool:
        """Call a function; texts are for readers."""
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)
        return True

    def write_assign(self, node: ast.Assign) -> bool:
        """Evaluate first, then assign from left to right, as Python does."""
        if isinstance(node.value, ast.Tuple):
            values = [self.numbers.kept(self.value(value)) for value in node.value.elts]
            target = node.targets[0]
            assert isinstance(target, ast.Tuple)
            for each, value in zip(target.elts, values, strict=True):
                self.assign(each, value)
            return True
        value = self.numbers.kept(self.value(node.value))
        for target in node.targets:
            self.assign(target, value)
        return True

    def write_annassign(self, node: ast.AnnAssign) -> bool:
        """Assign: what it is said to be is an integer anyway."""
        assert node.value is not None
        self.assign(node.target, self.numbers.kept(self.value(node.value)))
        return True

    def assign(self, target: ast.expr, value: Value) -> None:
        """Let a name stand for a value, or store it."""
        if isinstance(target, ast.Name):
            self.frame.names[target.id] = value
        else:
            assert isinstance(target, ast.Subscript)
            self.store(target, self.value(target.slice), value)

    def write_augassign(self, node: ast.AugAssign) -> bool:
        """``a += value``: the place is evaluated once, and before the value."""
        target = node.target
        if isinstance(target, ast.Name):
            old = self.value_name(target)
            result = self.numbers.binary(node.op, old, self.value(node.value))
            self.frame.names[target.id] = self.numbers.kept(result)
            return True
        assert isinstance(target, ast.Subscript)
        index = self.value(target.slice)
        old = self.load(target, index)
        self.store(target, index, self.numbers.binary(node.op, old, self.value(node.value)))
        return True

    def write_return(self, node: ast.Return) -> bool:
        """Leave the function."""
        value = self.value(node.value) if node.value else 0
        self.come_back(self.numbers.kept(value))
        return False

    def write_if(self, node: ast.If) -> bool:
        """Go one of two ways; if the test is known, the other one is not written."""
        test = self.value(node.test)
        if isinstance(test, int):
            return self.statements(node.body if test else node.orelse)
        blocks = self.block("then"), self.block("else")
        self.builder.cbranch(self.numbers.bit(test), *blocks)
        before, ways = self.frame.names, []
        for block, nodes in zip(blocks, (node.body, node.orelse), strict=True):
            self.builder.position_at_end(block)
            self.frame.names = dict(before)
            if self.statements(nodes):
                ways.append(Way(self.builder.block, self.frame.names))
        return self.go_on(ways, "behind")

    def go_on(self, ways: list[Way], label: str) -> bool:
        """Go on where ways meet, if there are any."""
        names = meet(self.builder, ways, label)
        if names is None:
            return False
        self.frame.names = names
        return True

    # --- loops ------------------------------------------------------------------------------------

    def write_continue(self, node: ast.Continue) -> bool:
        """Go on with the next turn of the innermost loop."""
        self.frame.loops[-1][0].append(Way(self.builder.block, self.frame.names))
        return False

    def write_break(self, node: ast.Break) -> bool:
        """Leave the innermost loop."""
        self.frame.loops[-1][1].append(Way(self.builder.block, self.frame.names))
        return False

    def write_while(self, node: ast.While) -> bool:
        """Loop while a test holds."""
        changed = names_assigned(node.body)
        head, self.frame.names, phis = begin_loop(self.builder, self.frame.names, changed)
        test = self.value(node.test)
        if isinstance(test, int) and not test:
            return True
        leaving = []
        if not isinstance(test, int):
            turn, behind = self.block("turn"), self.block("behind")
            self.builder.cbranch(self.numbers.bit(test), turn, behind)
            leaving.append(Way(behind, dict(self.frame.names)))
            self.builder.position_at_end(turn)
        again, breaks = self.turn(node.body)
        if self.go_on(again, "again"):
            end_loop(self.builder, head, self.frame.names, phis)
        return self.go_on(leaving + breaks, "behind")

    def turn(self, body: list[ast.stmt]) -> tuple[list[Way], list[Way]]:
        """Write one turn; return the ways to the next one, and those that leave."""
        self.frame.names = dict(self.frame.names)
        self.frame.loops.append(([], []))
        goes_on = self.statements(body)
        again, breaks = self.frame.loops.pop()
        if goes_on:
            again.append(Way(self.builder.block, self.frame.names))
        return again, breaks

    def write_for(self, node: ast.For) -> bool:
        """Loop over a range, whose bounds are evaluated once, or over some numbers."""
        if isinstance(node.iter, ast.Tuple):
            return self.turn_by_turn(
                node, [self.numbers.kept(self.value(n)) for n in node.iter.elts]
            )
        assert isinstance(node.iter, ast.Call)
        assert isinstance(node.target, ast.Name)
        first, stop, step = self.bounds(node.iter)
        name = node.target.id
        turns = self.module.turns(first, stop, step)
        if turns is not None:
            return self.turn_by_turn(node, turns)
        # The count is a name that no program can have, so that the body may change its own.
        count = f"<{name} {len(self.frame.loops)}>"
        changed = names_assigned(node.body) | {count, name}
        names = {**self.frame.names, count: first}
        head, self.frame.names, phis = begin_loop(self.builder, names, changed)
        value = self.frame.names[count]
        turn, behind = self.block("turn"), self.block("behind")
        self.builder.cbranch(self.is_inside(value, stop, step), turn, behind)
        leaving = [Way(behind, dict(self.frame.names))]
        self.builder.position_at_end(turn)
        self.frame.names[name] = value
        again, breaks = self.turn(node.body)
        if self.go_on(again, "again"):
            self.frame.names[count] = self.numbers.binary(ast.Add(), value, step)
            end_loop(self.builder, head, self.frame.names, phis)
        return self.go_on(leaving + breaks, "behind")

    def bounds(self, call: ast.Call) -> tuple[Value, Value, Value]:
        """Return where a range begins, where it ends, and its step."""
        given = [self.numbers.kept(self.value(bound)) for bound in call.args]
        if len(given) == 1:
            return 0, given[0], 1
        step = given[2] if len(given) == 3 else 1
        if isinstance(step, int) and step == 0:
            raise self.frame.source.refuse(call, "the step of a range is not zero")
        return given[0], given[1], step

    def is_inside(self, value: Value, stop: Value, step: Value) -> Value:
        """Return whether a number is still in a range; with a step of 0 none is."""
        if isinstance(step, int):
            return self.numbers.compared(ast.Lt() if step > 0 else ast.Gt(), value, stop)
        builder, numbers = self.builder, self.numbers
        below = numbers.compared(ast.Lt(), value, stop)
        above = numbers.compared(ast.Gt(), value, stop)
        up = builder.and_(numbers.bit(numbers.compared(ast.Gt(), step, 0)), numbers.bit(below))
        down = builder.and_(numbers.bit(numbers.compared(ast.Lt(), step, 0)), numbers.bit(above))
        return builder.or_(up, down)

    def turn_by_turn(self, node: ast.For, turns: Iterable[Value]) -> bool:
        """Write each turn of a loop on its own."""
        assert isinstance(node.target, ast.Name)
        leaving: list[Way] = []
        for number in turns:
            self.frame.names[node.target.id] = number
            again, breaks = self.turn(node.body)
            leaving += breaks
            if not self.go_on(again, "next"):
                return self.go_on(leaving, "behind")
        return self.go_on([Way(self.builder.block, self.frame.names), *leaving], "behind")
