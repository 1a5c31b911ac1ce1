"""Loops on one line or one lock: threads that pause, do something, and pause again."""

from __future__ import annotations

from collections.abc import Sequence

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, go_to, jump, label, lock, unlock

WORDS = {
    "lock": lock("lock"),
    "unlock": unlock("lock"),
    "touch_line": Step("add", lay.P_REFCOUNT, 0),  # adds nothing, moves the line
    "count": jump("hold", "last"),  # no time passes
}
BEGIN = (Step("begin"), label("think"), Step("think"))
END = (jump("finish", "stop", category="think"), label("stop"), Step("stop", category="think"))


def loop(each: Sequence[str]) -> tuple[Step, ...]:
    """Program of a thread.

    Parameters
    ----------
    each : sequence of str
        Words that it does after each pause. The last iteration ends with what follows `count`,
        which must be followed by a step that others see: a latency ends there.
    """
    steps = tuple(WORDS[word] for word in each)
    last = steps[steps.index(WORDS["count"]) + 1 :]
    return (*BEGIN, *steps, go_to("think"), label("last"), *last, *END)
