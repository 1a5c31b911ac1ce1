"""A stage on which actors of a protocol carry their steps out one by one."""

from dessim.engines.explorer.moves import carry_out
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import protocol_world
from dessim.kernel import layout as lay
from dessim.kernel import protocol as p
from dessim.kernel.expressions import local_at
from dessim.kernel.ops import OPS

X, Y = p.variable("x", 2), p.variable("y")
R, S = p.local("r"), p.local("s")
CELLS = p.array("cells", [5, 6, 7])
QUEUE, LOCK, PTE = p.waitqueue("queue"), p.rwsem("lock"), p.variable("pte", 3)


class Stage:
    """Actors of one protocol, whose steps are carried out one by one."""

    def __init__(self, *programs):
        self.actors = [p.actor(f"a{n}", *steps) for n, steps in enumerate(programs)]
        kept = {str(v): v == 99 for v in (X, Y, PTE, CELLS[0], CELLS[1], CELLS[2])}
        self.compiled = p.compiled(p.Protocol(self.actors, never=kept))
        self.small = protocol_world(self.compiled, Rules())
        self.w = self.small.w.tolist()

    def go(self, task=0, times=1):
        """Carry out steps of a task; return the last one's name."""
        for _ in range(times):
            t = self.w[lay.H_TASK] + task * lay.T_WORDS
            row = self.w[lay.H_PROG] + self.w[t + lay.T_PC] * lay.I_WORDS
            name = OPS[self.w[row + lay.I_OP]]
            carry_out(self.w, self.small.x, task)
        return name

    def word(self, slot):
        """Return a word of the protocol."""
        return self.w[self.w[lay.H_PROTOCOL] + slot]

    def value(self, name):
        """Return what a variable holds."""
        return self.w[self.word(lay.Q_VARIABLE) + self.small.variables[name]]

    def local(self, name, task=0):
        """Return what a local holds."""
        return self.w[local_at(self.w, task, self.small.locals[task][name][0])]

    def ended(self, task=0):
        """Return whether a task has ended."""
        return self.w[self.w[lay.H_TASK] + task * lay.T_WORDS + lay.T_AT] == lay.ENDED
