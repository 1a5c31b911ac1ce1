"""The device: commands of one or more pages, their queues, their ceilings.

A command waits until one of the device's slots is free (its depth), and until the commands before
it have been let through: no more a second than the ceiling of commands allows, and none before the
bytes of those before it are through. Then it takes the latency drawn for it, and the time that its
pages beyond the first need on the way. A lone read of a page takes its latency and nothing else;
of many the least of depth over latency, commands and bytes decides.

Several devices look like one: pages lie on them in turn, a stripe each (RAID 0), and a row of pages
that crosses a stripe is cut there, as the block layer does.

Source
------
Queue and ceilings: the quantities that makers and clouds state (IOPS, bytes a second, queue depth).
Cuts: Linux 5.15 ``drivers/md/raid0.c: raid0_make_request``. Completion page by page:
``fs/mpage.c: mpage_end_io``.
"""

from dessim.kernel.accounting import count, end_latency, record_in_series, record_more
from dessim.kernel.addressing import cost_ps
from dessim.kernel.cost_table import COST_DEVICE_READ, COST_DEVICE_WRITE
from dessim.kernel.cpus import give_up_cpu, make_ready
from dessim.kernel.draws import draw, scaled
from dessim.kernel.layout import *
from dessim.kernel.lines import wake
from dessim.kernel.ops import *
from dessim.kernel.pages import BLOCKED, GO_ON, MEANINGLESS


def own_at(w: World, task: int) -> int:
    """Return where a task's record for windows, commands and reclaim begins."""
    return w[w[H_PAGING] + G_TASK] + task * X_WORDS


def device_at(w: World, device: int) -> int:
    """Return where the record of a device begins."""
    return w[w[H_PAGING] + G_DEVICE] + device * Q_WORDS


def command_at(w: World, command: int) -> int:
    """Return where the record of a command begins; commands are counted from 1 in lists."""
    return w[w[H_PAGING] + G_COMMAND] + (command - 1) * J_WORDS


def device_of(w: World, page: int) -> int:
    """Return the device on which a page lies."""
    g = w[H_PAGING]
    return page // w[g + G_STRIPE] % w[g + G_DEVICES]


def queue_command(w: World, command: int, done: int) -> None:
    """Let a command wait for its device, and start an idle slot of that."""
    j = command_at(w, command)
    w[j + J_NEXT] = 0
    q = device_at(w, device_of(w, w[j + J_FIRST]))
    if w[q + Q_HEAD] == 0:
        w[q + Q_HEAD] = command
    else:
        w[command_at(w, w[q + Q_TAIL]) + J_NEXT] = command
    w[q + Q_TAIL] = command
    idle = w[q + Q_IDLE]
    if idle:
        w[q + Q_IDLE] = w[w[H_TASK] + (idle - 1) * T_WORDS + T_NEXT]
        make_ready(w, idle - 1, done)


def pages_in_stripe(w: World, first: int, pages: int) -> int:
    """Return how many of some pages in a row lie on the first one's device, one behind another."""
    g = w[H_PAGING]
    if w[g + G_DEVICES] == 1:
        return pages
    left = w[g + G_STRIPE] - first % w[g + G_STRIPE]
    return left if left < pages else pages


def submit_run(w: World, task: int, done: int) -> None:
    """Submit the row of new pages that a task has collected: a command for each stripe of it."""
    x = own_at(w, task)
    first = w[x + X_RUN] - 1
    left = w[x + X_RUN_PAGES]
    w[x + X_RUN] = 0
    w[x + X_RUN_PAGES] = 0
    while left > 0:
        pages = pages_in_stripe(w, first, left)
        command = w[w[H_FRAME_OF] + first]
        j = command_at(w, command)
        w[j + J_FIRST] = first
        w[j + J_PAGES] = pages
        w[j + J_DIRECTION] = READS
        w[j + J_TASK] = task
        w[j + J_WAKES] = 0
        queue_command(w, command, done)
        first += pages
        left -= pages


def commands_of_run(w: World, task: int) -> int:
    """Return how many commands a task's row of new pages becomes."""
    x = own_at(w, task)
    first = w[x + X_RUN] - 1
    left = w[x + X_RUN_PAGES]
    commands = 0
    while left > 0:
        pages = pages_in_stripe(w, first, left)
        first += pages
        left -= pages
        commands += 1
    return commands


def direct_io(w: World, task: int, pages: int, direction: int, done: int) -> int:
    """Submit a command of its own for pages drawn at random, and sleep until it is over."""
    t = w[H_TASK] + task * T_WORDS
    j = command_at(w, task + 1)
    rows = w[w[H_PAGING] + G_SPAN] // pages
    w[j + J_FIRST] = ((draw(w, task, DRAW_ACTOR) * rows) >> 32) * pages
    w[j + J_PAGES] = pages
    w[j + J_DIRECTION] = direction
    w[j + J_TASK] = task
    w[j + J_WAKES] = 1
    w[t + T_FAULT_AT] = done
    w[t + T_WAIT] = CAT_DEVICE
    give_up_cpu(w, t, done)
    queue_command(w, task + 1, done)
    return BLOCKED


def command_next(w: World, task: int, pc: int, target: int) -> int:
    """Take the first command of a slot's device, or idle; stop when the workload is over.

    The slot acts for the CPU that submitted the command: completion comes as its interrupt.
    """
    t = w[H_TASK] + task * T_WORDS
    x = own_at(w, task)
    q = device_at(w, w[x + X_DEVICE])
    command = w[q + Q_HEAD]
    if command == 0:
        if w[H_LIVE] == 0:
            w[t + T_PC] = target
            return GO_ON
        w[t + T_PC] = pc
        w[t + T_NEXT] = w[q + Q_IDLE]
        w[q + Q_IDLE] = task + 1
        return BLOCKED
    j = command_at(w, command)
    w[q + Q_HEAD] = w[j + J_NEXT]
    w[q + Q_COMMANDS] += 1
    w[x + X_COMMAND] = command
    by = w[H_TASK] + w[j + J_TASK] * T_WORDS
    w[t + T_CORE] = w[by + T_CORE]
    w[t + T_L3] = w[by + T_L3]
    w[t + T_SOCKET] = w[by + T_SOCKET]
    w[t + T_CURSOR] = w[j + J_FIRST]
    w[t + T_STOP] = w[j + J_FIRST] + w[j + J_PAGES]
    count(w, N_DEVICE_COMMANDS, 1)
    count(w, N_PAGES_READ, w[j + J_PAGES] if w[j + J_DIRECTION] == READS else 0)
    return GO_ON


def command_ps(w: World, task: int, now: int) -> int:
    """Return ps until a command is through: held up by ceilings, its latency, its pages."""
    x = own_at(w, task)
    g = w[H_PAGING]
    j = command_at(w, w[x + X_COMMAND])
    direction = w[j + J_DIRECTION]
    q = device_at(w, w[x + X_DEVICE])
    pages = w[j + J_PAGES]
    moved = pages * w[g + G_PAGE_PS + direction]
    taken = w[g + G_PACE + direction]
    free = w[q + Q_FREE + direction]
    begin = free if free > now else now
    w[q + Q_FREE + direction] = begin + (moved if moved > taken else taken)
    t = w[H_TASK] + task * T_WORDS
    mean = cost_ps(w, t, COST_DEVICE_WRITE if direction == WRITES else COST_DEVICE_READ)
    latency = scaled(w, QUANTILES_DEVICE, draw(w, task, DRAW_ACTOR), mean)
    return begin - now + latency + (pages - 1) * w[g + G_PAGE_PS + direction]


def command_page(w: World, t: int, target: int) -> None:
    """Go on with the next page of a slot's command, or stay on the last and end the loop."""
    if w[t + T_CURSOR] + 1 < w[t + T_STOP]:
        w[t + T_CURSOR] += 1
        w[t + T_PC] = target


def command_done(w: World, task: int, done: int) -> None:
    """End a slot's command: count it in its time bin, wake who sleeps until then."""
    j = command_at(w, w[own_at(w, task) + X_COMMAND])
    if w[j + J_DIRECTION] == READS:
        record_more(w, done, SERIES_READ, w[j + J_PAGES])
    if w[j + J_WAKES]:
        make_ready(w, w[j + J_TASK], done)


def stop_slots(w: World, now: int) -> None:
    """Let idle slots and sleeping kswapds see that the workload is over."""
    g = w[H_PAGING]
    for device in range(w[g + G_DEVICES]):
        q = device_at(w, device)
        while w[q + Q_IDLE]:
            idle = w[q + Q_IDLE] - 1
            w[q + Q_IDLE] = w[w[H_TASK] + idle * T_WORDS + T_NEXT]
            wake(w, idle, now)
    if w[H_FRAME] == 0:
        return
    for node in range(w[H_SOCKETS]):
        zone = w[H_ZONE] + node * w[H_ZONE_WORDS] + 2 * w[H_LINE_WORDS]
        if w[zone + Z_KSWAPD]:
            sleeper = w[zone + Z_KSWAPD] - 1
            w[zone + Z_KSWAPD] = 0
            make_ready(w, sleeper, now)


def wakes_task(w: World, task: int) -> int:
    """Return whether a slot's command has no pages in the page cache."""
    return w[command_at(w, w[own_at(w, task) + X_COMMAND]) + J_WAKES]


def command_step(w: World, task: int, i: int, pc: int, done: int) -> int:
    """Carry out a step of a slot of the device, or of who talks to the device directly."""
    t = w[H_TASK] + task * T_WORDS
    op = w[i + I_OP]
    target = w[i + I_TARGET]
    if op == OP_COMMAND_NEXT:
        return command_next(w, task, pc, target)
    if op == OP_DIRECT_IO:
        return direct_io(w, task, w[i + I_A], w[i + I_B], done)
    if op == OP_SERVE_COMMAND:
        if wakes_task(w, task):
            w[t + T_PC] = target
    elif op == OP_COMMAND_PAGE:
        command_page(w, t, target)
    elif op == OP_COMMAND_DONE:
        command_done(w, task, done)
    elif op == OP_DIRECT_DONE:
        end_latency(w, t, done)
        record_in_series(w, done, 0)
        w[t + T_ACCESS] += 1
        if w[t + T_ACCESS] >= w[H_ACCESSES]:
            w[t + T_PC] = target
    else:
        return MEANINGLESS
    return GO_ON
