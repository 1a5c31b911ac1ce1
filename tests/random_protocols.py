"""Small protocols drawn at random: two or three actors that meet in variables, locks and queues."""

import random

from dessim.kernel import protocol as p


class _Drawing:
    """What the statements of one protocol are drawn from."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.variables = [p.variable(name) for name in "xyz"[: rng.randint(2, 3)]]
        self.locks = [p.spinlock("s"), p.mutex("m"), p.rwsem("r")]
        self.queue = p.waitqueue("q")
        self.local = p.local("l")

    def statement(self, depth: int) -> object:
        """Return a statement, or a few."""
        rng, x = self.rng, self.rng.choice(self.variables)
        plain = [
            lambda: p.store(x, rng.randint(0, 2)),
            lambda: p.load(self.local, x),
            lambda: p.store(x, self.local),
            lambda: p.atomic(x, (p.OLD + 1) & 3, self.local),
            lambda: p.cmpxchg(x, 0, 2, self.local),
            lambda: p.let(self.local, rng.randint(0, 1)),
        ]
        if depth == 0:
            return rng.choice(plain)()
        nested = [
            lambda: self.locked(depth),
            lambda: self.locked(depth),
            lambda: p.when(x == rng.randint(0, 1), *self.some(depth - 1)),
            lambda: p.when(self.local == 0, *self.some(depth - 1), otherwise=self.some(depth - 1)),
            lambda: p.loop(*self.some(depth - 1), p.when(self.local != 2, p.leave())),
            lambda: p.wait_until(x > 0),
            lambda: p.bug_on((x == 2) & (self.local == 1)),
            lambda: (p.rcu_read_lock(), *self.some(depth - 1), p.rcu_read_unlock()),
            p.synchronize_rcu,
            lambda: self.waits(x),
        ]
        return rng.choice(plain + nested)()

    def some(self, depth: int) -> tuple[object, ...]:
        """Return one to three statements."""
        return tuple(self.statement(depth) for _ in range(self.rng.randint(1, 3)))

    def locked(self, depth: int) -> object:
        """Return some statements under a lock."""
        kind, body = self.rng.choice(self.locks), self.some(depth - 1)
        ways = ("take", "take", "try", "read", "downgrade", "read or not", "read again")
        how = self.rng.choice(ways)
        if how == "downgrade" and kind.name == "r":
            after = self.some(depth - 1)
            return (p.down_write(kind), *body, p.downgrade_write(kind), *after, p.up_read(kind))
        if how == "read" and kind.name == "r":
            return (p.down_read(kind), *body, p.up_read(kind))
        if how == "read or not" and kind.name == "r":
            return p.down_read_trylock(kind, *body, p.up_read(kind), busy=self.some(depth - 1))
        if how == "read again" and kind.name == "r":
            inner = self.some(depth - 1)
            if self.rng.random() < 0.5:
                again: object = p.down_read_trylock(kind, *inner, p.up_read(kind))
            else:
                again = (p.down_read(kind), *inner, p.up_read(kind))
            return (p.down_read(kind), *body, again, p.up_read(kind))
        if how == "try":
            return p.trylock(kind, *body, p.unlock(kind))
        return (p.lock(kind), *body, p.unlock(kind))

    def waits(self, x: p.Place) -> object:
        """Return a sleep that something ends, or a wake-up."""
        if self.rng.random() < 0.5:
            return (p.lock(self.locks[0]), p.wake_up(self.queue), p.unlock(self.locks[0]))
        queued = (p.lock(self.locks[0]), p.prepare_to_wait(self.queue), p.unlock(self.locks[0]))
        gone = (p.lock(self.locks[0]), p.finish_wait(self.queue), p.unlock(self.locks[0]))
        return (*queued, p.when(x == 0, p.schedule()), *gone)


def random_protocol(seed: int) -> p.Protocol:
    """Return a protocol; the same for the same seed."""
    rng = random.Random(seed)
    d = _Drawing(rng)
    actors = [
        p.actor(
            name,
            *(d.statement(2) for _ in range(rng.randint(2, 4))),
            p.load(d.local, d.variables[0]),
        )
        for name in "abc"[: rng.randint(2, 3)]
    ]
    if rng.random() < 0.3:
        actors[0] = p.actor("a", *actors[0].statements, copies=2)
    x, y = d.variables[0], d.variables[1]
    never = {
        "both": (x == 2) & (y == rng.randint(1, 2)),
        "seen": (actors[-1][d.local] == 2) & (y == 1),
        "early": p.ended(actors[-1]) & (x == 3),
        "held": (p.holders(d.locks[1]) != 0) & (y == 2),
    }
    return p.Protocol(actors, never=never, at_rest={"settled": (x != 1) | (y != 0)})
