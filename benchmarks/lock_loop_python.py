"""The closed lock loop in plain Python: SimPy twice, and bare generators on a heap.

Time is a float in ns. Each function returns (acquisitions, sum of waits in ns, processor s).
"""

import heapq
import random
import time
from collections import deque
from collections.abc import Generator

import simpy

THINK_NS, HOLD_NS = 1000.0, 50.0

Run = tuple[int, float, float]


def idiomatic_simpy(cpus: int, iterations: int, seed: int) -> Run:
    """Process, Resource and Timeout, as in SimPy's own tutorial."""
    rng = random.Random(seed)
    env = simpy.Environment()
    lock = simpy.Resource(env)
    waited = 0.0

    def cpu() -> Generator[simpy.Event, None, None]:
        nonlocal waited
        for _ in range(iterations):
            yield env.timeout(rng.expovariate(1 / THINK_NS))
            asked = env.now
            with lock.request() as request:
                yield request
                waited += env.now - asked
                yield env.timeout(rng.expovariate(1 / HOLD_NS))

    for _ in range(cpus):
        env.process(cpu())
    before = time.process_time()
    env.run()
    return cpus * iterations, waited, time.process_time() - before


def tuned_simpy(cpus: int, iterations: int, seed: int) -> Run:
    """One event per process, used again and again, and a queue instead of a Resource."""
    rng = random.Random(seed)
    env = simpy.Environment()
    queue: deque[simpy.Event] = deque()
    held = False
    waited = 0.0

    def cpu() -> Generator[simpy.Event, None, None]:
        nonlocal held, waited
        draw, schedule = rng.expovariate, env.schedule
        event = simpy.Event(env)
        event._ok, event._value = True, None
        for _ in range(iterations):
            event.callbacks = []
            schedule(event, delay=draw(1 / THINK_NS))
            yield event
            if held:
                asked = env.now
                event.callbacks = []
                queue.append(event)
                yield event
                waited += env.now - asked
            held = True
            event.callbacks = []
            schedule(event, delay=draw(1 / HOLD_NS))
            yield event
            if queue:
                schedule(queue.popleft())
            else:
                held = False

    for _ in range(cpus):
        env.process(cpu())
    before = time.process_time()
    env.run()
    return cpus * iterations, waited, time.process_time() - before


def pure_heapq(cpus: int, iterations: int, seed: int) -> Run:
    """Bare generators that yield the time of their next event, or None to wait."""
    rng = random.Random(seed)
    queue: deque[int] = deque()
    heap: list[tuple[float, int]] = []
    held = False
    waited = 0.0

    def cpu() -> Generator[float | None, float, None]:
        nonlocal held, waited
        draw = rng.expovariate
        now = 0.0
        for _ in range(iterations):
            asked = now = yield now + draw(1 / THINK_NS)
            if held:
                queue.append(me)
                now = yield None
                waited += now - asked
            held = True
            now = yield now + draw(1 / HOLD_NS)
            if queue:
                heapq.heappush(heap, (now, queue.popleft()))
            else:
                held = False

    lives = [cpu() for _ in range(cpus)]
    before = time.process_time()
    for i, life in enumerate(lives):
        heap.append((next(life) or 0.0, i))
    heapq.heapify(heap)
    resume = [life.send for life in lives]
    while heap:
        now, me = heapq.heappop(heap)
        try:
            at = resume[me](now)
        except StopIteration:
            continue
        if at is not None:
            heapq.heappush(heap, (at, me))
    return cpus * iterations, waited, time.process_time() - before
