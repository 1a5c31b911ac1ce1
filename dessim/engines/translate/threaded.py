"""An event loop without a centre: each step goes on to the next one by itself.

In ``run_chunk`` one function holds all steps, and what was known about a step that is over is lost.
Here each program counter of a program has a function of its own, which carries out the step. A
private step that follows is jumped to at once. Behind others one function for all finds the next
event and jumps to the function of its program counter: a copy of it in each step makes the code too
large for a processor's first cache of instructions. Nothing is kept on a stack, since each of these
calls is the last thing that its caller does.

What a function does between these jumps is put together from the functions that ``run_chunk``
calls. Keys of events name the program counter, too: where to jump is known before the task's record
is read. Where such a key has no room for a time, the loop for all goes on (``loop.NO_ROOM``).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from dessim.engines import loop
from dessim.engines.translate.blocks import Names
from dessim.engines.translate.expressions import CallFrame
from dessim.engines.translate.integers import WORD, Value
from dessim.engines.translate.module import POINTER, collector_at_rest
from dessim.engines.translate.source import read
from dessim.engines.translate.special import Special, constant_words, counters_of
from dessim.engines.translate.statements import Statements
from dessim.kernel import layout as lay
from dessim.kernel.steps import advance_at

PARAMETERS = ("w", "tree", "task", "now", "budget", "hand")
"""World, tree, task, time of the event, budget, key in hand."""
SIGNATURE = ir.FunctionType(WORD, [POINTER, POINTER, *[WORD] * 4])
SELDOM = 2000
"""How much more often a way is not taken."""
CONVENTION = "preserve_nonecc"
"""No register belongs to the caller: none is saved on the way from step to step."""


def word(number: int) -> ir.Constant:
    """Return a word."""
    return ir.Constant(WORD, number)


def counter_bits(counters: int) -> int:
    """Return the bits of a key that name the program counter."""
    return (counters - 1).bit_length()


class Threaded(Special):
    """The loop of one program, a function for each of its program counters.

    Parameters
    ----------
    w : int64 array
        A World with the program and the machine.
    """

    def __init__(self, w: Any, *, lines: bool = False) -> None:
        super().__init__(constant_words(w), lines=lines)
        self.counters = counters_of(w)
        self.bits = loop.task_bits(int(w[lay.H_TASKS]))
        self.low = counter_bits(len(self.counters))
        self.leaves = 1 << self.bits
        self.program = int(w[lay.H_PROG])
        self.steps = {pc: self.step_function(f"step{pc}") for pc in self.counters}
        self.tail, self.resting = self.step_function("tail"), self.step_function("resting")
        for shared in (self.tail, self.resting):
            shared.attributes.add("noinline")
        kind = ir.ArrayType(POINTER, len(self.counters))
        self.table = ir.GlobalVariable(self.ir, kind, "steps")
        self.table.global_constant, self.table.linkage = True, "internal"
        self.table.initializer = ir.Constant(kind, [self.steps[pc] for pc in self.counters])

    def step_function(self, name: str) -> Any:
        """Return a function to which others jump; its body is written later."""
        function = ir.Function(self.ir, SIGNATURE, name)
        function.linkage, function.calling_convention = "internal", CONVENTION
        function.attributes.add("nounwind")
        for argument, name in zip(function.args, PARAMETERS, strict=True):
            argument.name = name
        for pointer in function.args[:2]:
            pointer.add_attribute("noalias")
        return function

    def instruction(self, pc: int, part: int) -> int:
        """Return a word of an instruction."""
        return self.known[self.program + pc * lay.I_WORDS + part]

    def private_behind(self, pc: int) -> list[int]:
        """Return the private steps that a step names as those that may follow it."""
        behind = {self.instruction(pc, lay.I_NEXT), self.instruction(pc, lay.I_TARGET)}
        return sorted(
            other for other in behind & set(self.counters) if self.instruction(other, lay.I_PRIVATE)
        )

    def write_threads(self) -> None:
        """Write all steps and the entry."""
        for pc in self.counters:
            _Step(self, self.steps[pc]).write(pc)
        _Step(self, self.tail).write_tail()
        _Step(self, self.resting).write_resting()
        self.write_entry()
        self.write_all()

    def write_entry(self) -> None:
        """Write ``run_chunk`` as it is called from outside.

        It puts the counters into the keys, begins with the first event, and takes the counters out
        again, unless the last event has done so (``loop.finish_for_all``).
        """
        kinds = [POINTER, POINTER, WORD, WORD, WORD, POINTER]
        begin = self.step_function("begin")
        _Step(self, begin).write_begin()
        name = loop.run_chunk.__name__
        function = ir.Function(self.ir, ir.FunctionType(WORD, kinds), name)
        _Step(self, function).write_entry(begin)
        self.write_all()


class _Step(Statements):
    """Writes the function of one program counter."""

    module: Threaded

    def __init__(self, module: Threaded, function: Any) -> None:
        super().__init__(module, function)
        self.frame = CallFrame(read(loop.run_chunk), {})
        self.begin(self.frame.source, function.name)

    def arguments(self, function: Callable[..., Any], values: Iterable[Value]) -> Names:
        """Return the parameters of a function with their values."""
        return dict(zip(read(function).parameters, values, strict=True))

    def inline(self, function: Callable[..., Any], *values: Value) -> Value:
        """Put a function of the loop in place."""
        return self.put_in_place(read(function), self.arguments(function, values))

    @contextmanager
    def seldom(self, test: Any) -> Iterator[None]:
        """Write what is done if a test holds, which it seldom does; it must return."""
        leaving, staying = self.block("leave"), self.block("stay")
        self.builder.cbranch(test, leaving, staying).set_weights([1, SELDOM])
        self.builder.position_at_end(leaving)
        yield
        self.builder.position_at_end(staying)

    def write(self, pc: int) -> None:
        """Write the step, and the ways on from it."""
        w, tree, task, now, budget, hand = self.builder.function.args
        if not self.module.instruction(pc, lay.I_PRIVATE):
            hand = loop.NEVER  # it was jumped to from the tree
        bits, low = self.module.bits, self.module.low
        b = self.builder
        at = self.numbers.word(self.inline(advance_at, w, task, pc, now))
        hand = self.woken(w, tree, task, at, hand)
        usual, other = self.block("usual"), self.block("other")
        b.cbranch(b.icmp_unsigned("<", at, word(loop.NEVER >> (bits + low))), usual, other)
        b.position_at_end(other)
        self.jump(self.module.resting, (w, tree, task, at, budget, self.numbers.word(hand)))
        b.position_at_end(usual)
        self.fuse(pc, (w, tree, task, at, budget, hand))
        mine = self.numbers.word(self.inline(loop.key_of, w, task, at, bits, low))
        self.jump(self.module.tail, (w, tree, task, mine, budget, self.numbers.word(hand)))

    def write_resting(self) -> None:
        """Write the way on from a step behind which its task has no event, or too late a one."""
        w, tree, task, at, budget, hand = self.builder.function.args
        b = self.builder
        with self.seldom(b.icmp_signed(">=", at, word(0))):
            self.finish_for_all(w, tree, task, at, hand)
        with self.seldom(b.icmp_signed("==", at, word(lay.HALTED))):
            b.ret(word(loop.STOPPED))
        self.jump(self.module.tail, (w, tree, task, word(loop.NEVER), budget, hand))

    def write_tail(self) -> None:
        """Write the way on from all steps: the acting task's key goes into the tree."""
        w, tree, task, key, budget, hand = self.builder.function.args
        bits, low, leaves = self.module.bits, self.module.low, self.module.leaves
        following = self.inline(loop.next_key, tree, leaves, bits, low, task, key, hand)
        left = self.builder.sub(budget, word(1))
        self.stop_at_the_end(tree, following, left)
        self.go_to_next(w, tree, following, left)

    def woken(self, w: Any, tree: Any, task: Any, at: Any, hand: Value) -> Any:
        """Give keys to tasks that the step woke; return the one in hand."""
        b, keys = self.builder, (self.module.leaves, self.module.bits, self.module.low)
        some, none = self.block("some_woken"), self.block("go_on")
        b.cbranch(self.numbers.bit(self.inline(loop.any_woken, w)), some, none)
        before = b.block
        b.position_at_end(some)
        given = self.arguments(loop.keys_of_woken, (w, tree, *keys, hand))
        taken = self.call(read(loop.keys_of_woken), given)
        with self.seldom(b.icmp_signed("<", taken, word(0))):
            self.finish_for_all(w, tree, task, at, hand)
        b.branch(none)
        some = b.block
        b.position_at_end(none)
        held = b.phi(WORD)
        held.add_incoming(self.numbers.word(hand), before)
        held.add_incoming(taken, some)
        return held

    def finish_for_all(self, w: Any, tree: Any, task: Any, at: Any, hand: Value) -> None:
        """Leave the loop: a time has no room in a key with a counter."""
        finish = read(loop.finish_for_all)
        keys = (self.module.leaves, self.module.bits, self.module.low)
        given = self.arguments(loop.finish_for_all, (w, tree, *keys, task, at, hand))
        self.builder.ret(self.call(finish, given))

    def task_of(self, key: Any) -> Any:
        """Return the task of a key."""
        b = self.builder
        return b.and_(b.ashr(key, word(self.module.low)), word((1 << self.module.bits) - 1))

    def counter_of(self, key: Any) -> Any:
        """Return the program counter of a key."""
        return self.builder.and_(key, word((1 << self.module.low) - 1))

    def fuse(self, pc: int, passed: tuple[Any, ...]) -> None:
        """Go on with a private step of the same task at once, if one follows.

        Where the program goes back it costs a part of the budget: no chain of them is endless.
        """
        private = self.module.private_behind(pc)
        if not private:
            return
        w, tree, task, at, budget, hand = passed
        b = self.builder
        seen = self.block("seen")
        choice = b.switch(self.numbers.word(self.inline(loop.counter_of, w, task)), seen)
        for other in private:
            block = self.block(f"fused{other}")
            choice.add_case(word(other), block)
            b.position_at_end(block)
            left = budget
            if other <= pc:
                left = b.sub(budget, word(1))
                again = self.block("again")
                b.cbranch(b.icmp_signed("==", left, word(0)), seen, again).set_weights([1, SELDOM])
                b.position_at_end(again)
            self.jump(self.module.steps[other], (w, tree, task, at, left, self.numbers.word(hand)))
        b.position_at_end(seen)

    def stop_at_the_end(self, tree: Any, key: Any, left: Any) -> None:
        """Leave the loop when the budget is used up."""
        module = self.module
        with self.seldom(self.builder.icmp_signed("==", left, word(0))):
            given = (tree, module.leaves, module.bits, module.low, key)
            self.call(read(loop.lay_down), self.arguments(loop.lay_down, given))
            self.builder.ret(word(0))

    def go_to_next(self, w: Any, tree: Any, key: Any, left: Any) -> None:
        """Jump to the function of the next event, or leave the loop if there is none."""
        b = self.builder
        with self.seldom(b.icmp_signed("==", key, word(loop.NEVER))):
            b.ret(left)
        table = self.module.table
        place = b.gep(table, [word(0), self.counter_of(key)], source_etype=table.value_type)
        step = b.load(place, typ=SIGNATURE.as_pointer())
        now = b.ashr(key, word(self.module.bits + self.module.low))
        self.jump(step, (w, tree, self.task_of(key), now, left, word(loop.NEVER)))

    def write_begin(self) -> None:
        """Jump to the first event."""
        w, tree, _, _, budget, _ = self.builder.function.args
        root = self.builder.gep(tree, [word(1)], source_etype=WORD)
        self.go_to_next(w, tree, self.builder.load(root, typ=WORD), budget)

    def write_entry(self, begin: Any) -> None:
        """Call the loop, with counters in its keys."""
        w, tree, _, _, budget, _ = self.builder.function.args
        b, module = self.builder, self.module
        keys = (module.leaves, module.bits, module.low)
        none = self.inline(loop.put_counters, w, tree, *keys)
        with self.seldom(b.icmp_signed("!=", none, word(0))):
            b.ret(word(loop.NO_ROOM))
        never = word(loop.NEVER)
        left = b.call(begin, (w, tree, word(0), word(0), budget, never), cconv=CONVENTION)
        with b.if_then(b.icmp_signed(">=", left, word(0))):
            self.inline(loop.take_counters, tree, module.leaves, module.low)
        b.ret(left)

    def jump(self, step: Any, passed: tuple[Any, ...]) -> None:
        """Call a step as the last thing that is done here."""
        self.builder.ret(self.builder.call(step, passed, cconv=CONVENTION, tail="musttail"))


def translate_threaded(w: Any, *, lines: bool = False) -> str:
    """Return the event loop for a World's program and machine, in LLVM's language."""
    module = Threaded(w, lines=lines)
    with collector_at_rest():
        module.write_threads()
        return str(module.ir)
