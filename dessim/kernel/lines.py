"""Cache lines: what an access costs, who is served next, and who keeps the line.

A line has a state (uncached, shared, modified), an owner (the core that had it last), sharers, and
a time from which another core may take it. Requests are served one at a time. A request for a free
line is granted at once; a request for a busy line queues, and the head of the queue acts as arbiter
when the line comes free: it picks who is served. No polling and no event per cycle.

Source
------
Costs by operation, state and distance: David, Guerraoui, Trigonakis, *Everything you always wanted
to know about synchronization but were afraid to ask*, SOSP'13, table 2. Why ordered service alone
does not meet published contention curves (coalescing, runs, arbitration): ``docs/machine.md``.
"""

from dessim.kernel.bits import lowest_bit
from dessim.kernel.cost_table import COST_LOCAL
from dessim.kernel.draws import MASK_32, draw
from dessim.kernel.layout import *

QUEUE_BITS = 20
QUEUE_MASK = (1 << QUEUE_BITS) - 1
ARBITER_SCAN = 16  # requests an arbiter looks at: a home agent's queue is short as well


def wake(w: World, task: int, at: int) -> None:
    """Give a sleeping task its next event and notify the engine."""
    w[w[H_TASK] + task * T_WORDS + T_AT] = at
    base = w[H_WOKEN]
    count = w[base] + 1
    w[base] = count
    w[base + count] = task


def socket_distance(w: World, a: int, b: int) -> int:
    """Return the distance of two sockets: SAME_SOCKET, ONE_HOP or TWO_HOPS."""
    return SAME_SOCKET + w[w[H_HOPS] + a * w[H_SOCKETS] + b]


def core_distance(w: World, t: int, core: int) -> int:
    """Return the distance between a task's core and another core."""
    if core == w[t + T_CORE]:
        return SAME_CORE
    other = w[w[H_CORE] + core * C_WORDS + C_L3]
    return w[w[H_L3_DISTANCE] + w[t + T_L3] * w[H_L3S] + other]


def by_home(w: World, t: int, line: int, distance: int) -> int:
    """Return what a distance of two cores is for a line: by way of its home, if that is elsewhere.

    Between L3 domains of a socket a request goes to the agent of the line's home; inside an L3 it
    does not, and between sockets one of the two is the home, or a third one that is as far.
    """
    if distance == SAME_SOCKET and w[line + L_HOME] != w[t + T_SOCKET]:
        return AWAY
    return distance


def line_cost(w: World, op: int, state: int, distance: int) -> int:
    """Return ps for an operation on a line in a state at a distance."""
    return w[w[H_LINE_COST] + (op * 3 + state) * N_DISTANCES + distance]


def local_cost(w: World, t: int, op: int) -> int:
    """Return ps of an operation on a line in the own private cache."""
    return w[w[t + T_COSTS] + COST_LOCAL + op]


def has_copy(w: World, line: int, core: int) -> int:
    """Return whether a core's private cache holds a shared copy of the line (0 or not 0)."""
    return (w[line + L_MASK + core // MASK_BITS] >> (core % MASK_BITS)) & 1


def farthest_sharer(w: World, t: int, line: int) -> int:
    """Return the distance of the farthest sharer of a line: what an invalidation waits for.

    The other cores of an L3 are all as far as one of them.
    """
    farthest = SAME_CORE
    own = w[t + T_CORE]
    for word in range(w[H_MASKS]):
        mask = w[line + L_MASK + word]
        core = word * MASK_BITS
        if own // MASK_BITS == word:
            mask &= ~(1 << (own % MASK_BITS))
        while mask:
            first = lowest_bit(mask)
            core += first
            l3 = w[w[H_CORE] + core * C_WORDS + C_L3]
            distance = w[w[H_L3_DISTANCE] + w[t + T_L3] * w[H_L3S] + l3]
            if distance > farthest:
                farthest = distance
            others = (l3 + 1) * w[H_L3_CORES] - core
            mask >>= first + others
            core += others
    return farthest


def transfer_ps(w: World, t: int, line: int, op: int, now: int) -> int:
    """Return ps to bring the line to the task's core for an operation, and what it is then.

    A line that nobody touched for a while has left the private caches: its old owner's L3 has it,
    or memory (``docs/machine.md``, eviction).
    """
    owner = w[line + L_OWN] >> 2
    state = w[line + L_OWN] & 3
    if state != UNCACHED and now - w[line + L_FREE] > w[H_EVICT]:
        if w[w[H_CORE] + owner * C_WORDS + C_L3] == w[t + T_L3]:
            return w[H_L3_HIT]
        state = UNCACHED
    if state == UNCACHED:
        return line_cost(w, op, UNCACHED, socket_distance(w, w[t + T_SOCKET], w[line + L_HOME]))
    if state == MODIFIED:
        return line_cost(w, op, MODIFIED, by_home(w, t, line, core_distance(w, t, owner)))
    if op == LINE_LOAD:
        return line_cost(w, op, SHARED, by_home(w, t, line, core_distance(w, t, owner)))
    return line_cost(w, op, SHARED, by_home(w, t, line, farthest_sharer(w, t, line)))


def take_line(w: World, t: int, line: int, op: int) -> None:
    """Record that the task's core now has the line: alone, or as one more sharer."""
    core = w[t + T_CORE]
    if op != LINE_LOAD:
        w[line + L_OWN] = core << 2 | MODIFIED
        return
    own = w[line + L_OWN]
    state = own & 3
    if state == UNCACHED or own == (core << 2 | MODIFIED):
        w[line + L_OWN] = core << 2 | MODIFIED  # alone: exclusive, which costs what modified costs
        return
    if state != SHARED:
        for word in range(w[H_MASKS]):
            w[line + L_MASK + word] = 0
        if state == MODIFIED:
            old = own >> 2
            w[line + L_MASK + old // MASK_BITS] |= 1 << (old % MASK_BITS)
    w[line + L_MASK + core // MASK_BITS] |= 1 << (core % MASK_BITS)
    w[line + L_OWN] = core << 2 | SHARED


def serve(w: World, task: int, line: int, op: int, now: int, prefetched: int) -> int:
    """Grant the line to a task: return ps of the transfer; the riders on its request follow."""
    t = w[H_TASK] + task * T_WORDS
    cost = transfer_ps(w, t, line, op, now)
    if prefetched:
        cost -= cost * w[H_HIDDEN_PPM] // 1_000_000
        local = local_cost(w, t, op)
        if cost < local:
            cost = local
    take_line(w, t, line, op)
    end = now + cost
    if w[t + T_RIDER]:
        end = serve_riders(w, t, line, now, end)
    w[line + L_ARRIVE] = now + cost
    w[line + L_FREE] = end + (w[H_HOLD] if w[t + T_RUN] else 0)
    return cost


def serve_riders(w: World, t: int, line: int, now: int, end: int) -> int:
    """Let all that ride on a task's request follow it; return when the last one has the line."""
    follower = w[t + T_RIDER]
    w[t + T_RIDER] = 0
    while follower:
        f = w[H_TASK] + (follower - 1) * T_WORDS
        take_line(w, f, line, w[f + T_LINE_OP])
        end += line_cost(w, w[f + T_LINE_OP], MODIFIED, SIBLING)
        w[f + T_GRANT] = end - now
        w[f + T_QUEUED] = 0
        wake(w, follower - 1, now)
        follower = w[f + T_RIDER]
        w[f + T_RIDER] = 0
    return end


def ride(w: World, task: int, line: int) -> int:
    """Join the waiting request of an SMT sibling for the same line; return whether that was done.

    Both threads miss in one cache, so that one transfer can serve both: with the probability
    ``coalesce``. Whoever does not join queues for a transfer of its own.
    """
    t = w[H_TASK] + task * T_WORDS
    if w[t + T_SIBLING] == 0 or w[H_COALESCE] == 0:
        return 0
    other = w[w[t + T_SIBLING] + U_RUNNING]
    if other == 0:
        return 0
    o = w[H_TASK] + (other - 1) * T_WORDS
    if w[o + T_QUEUED] != line:
        return 0
    if w[H_COALESCE] <= MASK_32 and draw(w, task, DRAW_ARBITRATE) >= w[H_COALESCE]:
        return 0
    w[t + T_RIDER] = w[o + T_RIDER]
    w[o + T_RIDER] = task + 1
    return 1


def enqueue(w: World, task: int, line: int) -> int:
    """Queue for a busy line; return the time at which the task must act, or ASLEEP.

    The head of the queue is the arbiter: it alone has an event, at the time the line comes free.
    """
    t = w[H_TASK] + task * T_WORDS
    if ride(w, task, line):
        w[t + T_QUEUED] = -1  # a rider stands in no queue, and nobody rides on a rider
        return ASLEEP
    w[t + T_QUEUED] = line
    w[t + T_NEXT] = 0
    queue = w[line + L_QUEUE]
    if queue == 0:
        w[line + L_QUEUE] = (task + 1) | (task + 1) << QUEUE_BITS
        return w[line + L_FREE]
    tail = queue >> QUEUE_BITS
    w[w[H_TASK] + (tail - 1) * T_WORDS + T_NEXT] = task + 1
    w[line + L_QUEUE] = (queue & QUEUE_MASK) | (task + 1) << QUEUE_BITS
    return ASLEEP


def nearest_waiter(w: World, line: int) -> int:
    """Return the task before the waiter nearest to the line's owner, plus 1 (0: it is the head)."""
    owner = w[line + L_OWN] >> 2
    follower = w[line + L_QUEUE] & QUEUE_MASK
    best, best_before, before = SIBLING, 0, 0
    for _ in range(ARBITER_SCAN):
        if follower == 0:
            break
        f = w[H_TASK] + (follower - 1) * T_WORDS
        distance = core_distance(w, f, owner)
        if distance < best:
            best = distance
            best_before = before
        before = follower
        follower = w[f + T_NEXT]
    if best >= ONE_HOP:
        return 0
    return best_before


def unlink(w: World, line: int, before: int) -> int:
    """Take the waiter behind ``before`` (0: the head) out of a line's queue and return it."""
    queue = w[line + L_QUEUE]
    head = queue & QUEUE_MASK
    tail = queue >> QUEUE_BITS
    if before == 0:
        winner = head
        head = w[w[H_TASK] + (winner - 1) * T_WORDS + T_NEXT]
        w[line + L_QUEUE] = 0 if head == 0 else head | tail << QUEUE_BITS
    else:
        b = w[H_TASK] + (before - 1) * T_WORDS
        winner = w[b + T_NEXT]
        w[b + T_NEXT] = w[w[H_TASK] + (winner - 1) * T_WORDS + T_NEXT]
        if winner == tail:
            w[line + L_QUEUE] = head | before << QUEUE_BITS
    return winner - 1


def arbitrate(w: World, task: int, line: int, now: int) -> int:
    """Serve one waiter of a line that has come free; return the arbiter's own grant, or ASLEEP.

    Mostly in order of request; with the probability ``arbitration_share`` the nearest to the
    present owner. A winner other than the arbiter gets an event at this very time.
    """
    t = w[H_TASK] + task * T_WORDS
    before = 0
    if w[H_SHARE] and draw(w, task, DRAW_ARBITRATE) < w[H_SHARE]:
        before = nearest_waiter(w, line)
    winner = unlink(w, line, before)
    g = w[H_TASK] + winner * T_WORDS
    w[g + T_QUEUED] = 0
    cost = serve(w, winner, line, w[g + T_LINE_OP], now, 0)
    head = w[line + L_QUEUE] & QUEUE_MASK
    if winner == task:
        if head:
            wake(w, head - 1, w[line + L_FREE])
        return cost
    w[g + T_GRANT] = cost
    wake(w, winner, now)
    w[t + T_AT] = w[line + L_FREE]
    return ASLEEP


def access_ps(w: World, task: int, line: int, op: int, now: int, prefetched: int) -> int:
    """Ask for a line: return ps until the operation is done, or ASLEEP if it has to wait.

    When it has to wait, ``T_AT`` says when the task acts next (ASLEEP: when it is served).
    """
    t = w[H_TASK] + task * T_WORDS
    granted = w[t + T_GRANT]
    if granted >= 0:
        w[t + T_GRANT] = -1
        return granted
    free = w[line + L_FREE]
    if w[t + T_QUEUED]:
        if free > now:  # its owner went on using it: come back
            w[t + T_AT] = free
            return ASLEEP
        return arbitrate(w, task, line, now)
    core = w[t + T_CORE]
    own = w[line + L_OWN]
    mine = own == (core << 2 | MODIFIED)
    if not mine and op == LINE_LOAD and own & 3 == SHARED:
        mine = has_copy(w, line, core) != 0
    if mine and (free > now or w[line + L_QUEUE] == 0):
        cost = local_cost(w, t, op)
        if w[line + L_ARRIVE] > now and own >> 2 == core:  # the sibling's, still on its way
            cost += w[line + L_ARRIVE] - now
        elif now - free > w[H_EVICT]:
            from_l3 = w[H_L3_HIT]
            if prefetched:
                from_l3 -= from_l3 * w[H_HIDDEN_PPM] // 1_000_000
            if cost < from_l3:
                cost = from_l3
        if now + cost > free:
            w[line + L_FREE] = now + cost
        return cost
    if free > now or w[line + L_QUEUE]:
        w[t + T_LINE_OP] = op
        w[t + T_AT] = enqueue(w, task, line)
        return ASLEEP
    return serve(w, task, line, op, now, prefetched)
