"""What the hand-written witness is made of: pauses, cores, cache lines, a ticket lock."""

from collections import deque

import simpy


class Pause(simpy.Event):
    """Some time of a thread; those that end together do so in the order of the threads."""

    def __init__(self, env, core, ps):
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, priority=10 + core.number, delay=ps)


class Core:
    """A core: where it is."""

    def __init__(self, number, topology):
        self.number = number
        self.l3 = number // topology.cores_per_l3
        self.socket = self.l3 // topology.l3_per_socket

    def to(self, other):
        """Return the name of the distance to another core."""
        if other.l3 == self.l3:
            return "same_l3_ps"
        return "same_socket_ps" if other.socket == self.socket else "one_hop_ps"


class Line:
    """A cache line: one core at a time fetches it, first come first served."""

    def __init__(self, env, machine, home=0):
        self.env, self.costs, self.memory = env, machine.cache_line, machine.memory
        self.home, self.owner, self.dirty, self.copies = home, None, False, []
        self.free_at, self.waiting = 0, deque()

    def has(self, core, op):
        """Return whether a core can do this in its own cache."""
        if self.dirty or op != "load":
            return self.dirty and self.owner is core
        return core in self.copies

    def keep(self, core, op):
        """Note who has the line now: the first to load it has it alone, and may change it."""
        if op != "load" or self.owner is None or (self.dirty and self.owner is core):
            self.owner, self.dirty = core, True
            return
        if self.dirty:
            self.copies = [self.owner]
        self.copies.append(core)
        self.owner, self.dirty = core, False

    def fetch_ps(self, core, op):
        """Return ps to bring the line to a core."""
        if self.owner is None:
            return self.memory.local_ps if core.socket == self.home else self.memory.one_hop_ps
        if self.dirty:
            return getattr(getattr(self.costs, f"{op}_modified"), core.to(self.owner))
        costs = getattr(self.costs, f"{op}_shared")
        if op == "load":
            return getattr(costs, core.to(self.owner))
        others = [core.to(other) for other in self.copies if other is not core]
        local = getattr(self.costs, f"local_{op}_ps")
        return max((getattr(costs, distance) for distance in others), default=local)

    def use(self, core, op, again=False):
        """Wait for the line (a generator); return ps of the operation that begins now.

        A core that means to come back keeps the line for a while after it has fetched it.
        """
        now = self.env.now
        if self.has(core, op) and (self.free_at > now or not self.waiting):
            ps = getattr(self.costs, f"local_{op}_ps")
            self.free_at = max(self.free_at, now + ps)
            return ps
        if self.free_at > now or self.waiting:
            turn = self.env.event()
            self.waiting.append(turn)
            if self.waiting[0] is not turn:
                yield turn
            while self.free_at > self.env.now:
                yield Pause(self.env, core, self.free_at - self.env.now)
            self.waiting.popleft()
        if self.dirty and self.owner is core:
            ps = getattr(self.costs, f"local_{op}_ps")
        else:
            ps = self.fetch_ps(core, op)
        self.keep(core, op)
        self.free_at = self.env.now + ps + (self.costs.hold_ps if again else 0)
        if self.waiting:
            self.waiting[0].succeed()
        return ps


class TicketLock:
    """A spinlock on a line of its own, handed over in order of arrival."""

    def __init__(self, env, machine):
        self.env, self.machine, self.line = env, machine, Line(env, machine)
        self.held, self.waiting = False, deque()

    def take(self, core):
        """Take the lock, waiting for it."""
        ps = yield from self.line.use(core, "rmw")
        ready = self.env.now + ps + self.machine.kernel.lock_local_ps
        if not self.held:
            self.held = True
            yield Pause(self.env, core, ready - self.env.now)
            return
        granted = self.env.event()
        self.waiting.append((core, ready, granted))
        at = yield granted
        yield Pause(self.env, core, at - self.env.now)

    def drop(self, core):
        """Drop the lock: the first waiter has it at once and runs after the hand-over."""
        ps = yield from self.line.use(core, "store")
        done = self.env.now + ps + self.machine.kernel.lock_local_ps
        if self.waiting:
            others = len(self.waiting) - 1
            heir, ready, granted = self.waiting.popleft()
            ps = getattr(self.machine.cache_line.rmw_modified, heir.to(core))
            at = max(done + ps + others * self.machine.locks.ticket_per_waiter_ps, ready)
            self.line.owner, self.line.dirty = heir, True
            self.line.free_at = max(self.line.free_at, at)
            granted.succeed(at)
        else:
            self.held = False
        yield Pause(self.env, core, done - self.env.now)
