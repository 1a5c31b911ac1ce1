"""The compiled engine: the kernel's own source and a small event loop, as machine code."""

from collections.abc import Callable, Iterator
from typing import Any

from dessim.engines import build, loop, specialise
from dessim.engines.deadlock import Deadlock, why_halted
from dessim.kernel import cost_table
from dessim.kernel import layout as lay

LOGGED_CHUNK = 256
CHUNK = 10_000
"""Events between two looks at the clock and at Ctrl-C. One may fuse 4096 private steps: so many
events of a scheme that only spins take a second at most, and usual ones a few milliseconds."""
GREATEST_COST_PS = 1 << 42  # 4.4 s: times a million (ppm) it still fits
GREATEST_PRODUCT = 1 << 62


def check_costs(w: Any) -> None:
    """Refuse costs with which 64-bit integers could overflow, silently, in the kernel's products.

    Raises
    ------
    OverflowError
        If a time is above 4.4 s, or if its product with a quantile, with the factor of a far memory
        or of an MCS hand-over needs more than 62 bits.
    """
    tables = (w[lay.H_LINE_COST] - w[lay.H_COST]) // cost_table.N_COSTS
    costs = w[w[lay.H_COST] :][: tables * cost_table.N_COSTS].reshape(tables, -1)
    line_costs = w[w[lay.H_LINE_COST] :][: 9 * lay.N_DISTANCES]
    tasks = w[w[lay.H_TASK] :][: w[lay.H_TASKS] * lay.T_WORDS].reshape(-1, lay.T_WORDS)
    pauses = tasks[:, lay.T_EVERY]
    others = w[[lay.H_HOLD, lay.H_L3_HIT, lay.H_NODE_PAGE, lay.H_TICKET_WAITER, lay.H_TAS_WAITER]]
    created = w[[lay.H_CREATE, lay.H_CREATE_RANDOM]]
    greatest = max(int(table.max()) for table in (costs, line_costs, pauses, others, created))
    quantile = int(w[w[lay.H_QUANTILES] :][: lay.N_QUANTILES * lay.QUANTILE_WORDS].max())
    means = (costs[:, cost_table.DRAWN], pauses, created)
    drawn = max(int(table.max()) for table in means) * quantile
    varied = int(costs.max()) * int(w[w[lay.H_WORK] :][: lay.WORK_FACTORS].max())
    read = int(costs[:, (cost_table.COST_READ_L3, cost_table.COST_READ_DRAM)].max())
    far = (read * quantile // lay.QUANTILE_ONE) * int(w[w[lay.H_FAR_READ] :][:3].max())
    handed_over = int(line_costs.max()) * int(w[lay.H_MCS_PPM])
    if greatest > GREATEST_COST_PS or max(drawn, varied, far, handed_over) > GREATEST_PRODUCT:
        raise OverflowError(
            f"a time of {greatest / 1e12:.3g} s, or a draw around it, exceeds the 64-bit integers"
            " of the compiled engine; use --engine reference"
        )


def check_starts(w: Any) -> None:
    """Refuse tasks that begin later than a key of the event loop can hold.

    Raises
    ------
    OverflowError
    """
    tasks = int(w[lay.H_TASKS])
    starts = [int(w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_AT]) for i in range(tasks)]
    if max(starts) >= loop.NEVER >> loop.task_bits(tasks):
        raise _too_late(tasks)


def _too_late(tasks: int) -> OverflowError:
    return OverflowError(
        f"simulated time beyond {(loop.NEVER >> loop.task_bits(tasks)) / 1e12:.0f} s: with"
        f" {tasks} tasks the compiled engine counts no further; use --engine reference"
    )


def _chunks(w: Any, budget: int, log: Any, *, logged: bool = False) -> Iterator[int]:
    """Run a World to its end; yield the simulated time, ps, after every ``budget`` events."""
    import numpy as np

    check_costs(w)
    check_starts(w)
    entries = build.entries(logged=logged)
    tasks = int(w[lay.H_TASKS])
    bits = loop.task_bits(tasks)
    leaves = 1 << bits
    tree: Any = np.full(2 * leaves, loop.NEVER, dtype=np.int64)
    words = w
    if entries.plain:
        words, tree = w.tolist(), tree.tolist()
    left = 0
    entries.first_keys(words, tree, leaves, bits)
    course = specialise.Course(w, entries.run_chunk, budget)
    while not left:
        go_on = entries.run_chunk if logged else course.loop()
        left = go_on(words, tree, leaves, bits, budget, log)
        if left == loop.NO_ROOM:
            course.stay_shared()
            left = 0
        if not left:
            yield int(tree[1]) >> bits
    if left == loop.TOO_LATE:
        raise _too_late(tasks)
    if entries.plain:
        w[:] = words
    course.check()
    if left == loop.STOPPED:
        raise why_halted(w)
    if w[lay.H_ENDED] != tasks:
        raise Deadlock(f"{tasks - int(w[lay.H_ENDED])} tasks wait for ever")
    yield int(w[lay.H_END])


def run(w: Any, progress: Callable[[int], None] | None = None) -> None:
    """Run a World to its end.

    Parameters
    ----------
    w : int64 array
        The World; it is changed in place.
    progress : callable, optional
        Called after every 10,000 events, and at the end, with the simulated time, ps.

    Raises
    ------
    Deadlock
        If tasks are left that wait for each other.
    FatalBug
        If a BUG_ON fired that ends the run.
    MeaninglessStep
        If a task met an operation that no branch of the kernel knows.
    OverflowError
        If costs or the simulated time are too great for 64-bit integers.
    KeyboardInterrupt
        After at most 10,000 events; the World is then half-way and of no use.
    """
    import numpy as np

    for now in _chunks(w, CHUNK, np.zeros(1, dtype=np.int64)):
        if progress:
            progress(now)


def run_logged(w: Any) -> list[tuple[int, int, int]]:
    """Run a World to its end and return ``(time_ps, task, program counter)`` of every step.

    Fused steps are listed where they were carried out: sort by time and task (stably) to compare
    with another engine.
    """
    import numpy as np

    log = np.zeros(1 + loop.LOG_ROW * LOGGED_CHUNK * (loop.FUSE_AT_MOST + 1), dtype=np.int64)
    rows: list[tuple[int, int, int]] = []
    for _ in _chunks(w, LOGGED_CHUNK, log, logged=True):
        table = log[1 : 1 + loop.LOG_ROW * int(log[0])].reshape(-1, loop.LOG_ROW)
        rows += [(int(at), int(task), int(pc)) for at, task, pc in table]
        log[0] = 0
    return rows
