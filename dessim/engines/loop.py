"""The event loop that numba compiles together with the kernel.

A winner tree over tasks holds one key each, ``time << bits | task``: the root is the next event, ties
are settled by the task. After an event, steps of the same task that nobody else can see follow at
once on its own clock (fusing); the next step that others can see waits for its turn.
"""

from dessim.kernel.layout import H_TASK, H_TASKS, H_WOKEN, T_AT, T_WORDS, World
from dessim.kernel.places import is_private
from dessim.kernel.steps import advance

NEVER = (1 << 63) - 1
FUSE_AT_MOST = 4096  # private steps in one go: bounds the time between two looks at the clock


def set_key(tree: World, leaf: int, key: int) -> None:
    """Set the key of a leaf of the winner tree and replay its matches up to the root."""
    tree[leaf] = key
    node = leaf >> 1
    while node:
        left = tree[2 * node]
        right = tree[2 * node + 1]
        winner = left if left < right else right
        if tree[node] == winner:
            return
        tree[node] = winner
        node >>= 1


def first_keys(w: World, tree: World, leaves: int, bits: int) -> None:
    """Give every task its first event."""
    for task in range(w[H_TASKS]):
        at = w[w[H_TASK] + task * T_WORDS + T_AT]
        set_key(tree, leaves + task, at << bits | task)


def run_chunk(w: World, tree: World, leaves: int, bits: int, budget: int) -> int:
    """Carry out up to ``budget`` events; return how many of the budget are left (0: go on)."""
    mask = (1 << bits) - 1
    while budget > 0:
        key = tree[1]
        if key == NEVER:
            return budget
        task = key & mask
        at = advance(w, task, key >> bits)
        base = w[H_WOKEN]
        for i in range(w[base]):
            woken = w[base + 1 + i]
            when = w[w[H_TASK] + woken * T_WORDS + T_AT]
            set_key(tree, leaves + woken, when << bits | woken)
        fused = 0
        while at >= 0 and fused < FUSE_AT_MOST and is_private(w, task):
            at = advance(w, task, at)
            fused += 1
        set_key(tree, leaves + task, at << bits | task if at >= 0 else NEVER)
        budget -= 1
    return 0
