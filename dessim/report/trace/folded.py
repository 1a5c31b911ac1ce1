"""Folded stacks: one line for each stack with its time, as flame graphs are drawn from.

Source
------
B. Gregg, FlameGraph (stackcollapse): frames separated by semicolons, a space, a count.
"""

from __future__ import annotations

from collections import Counter

from dessim.measure.recording.frames import frames_of, leaf_label
from dessim.measure.recording.history import Recording


def folded_stacks(recording: Recording) -> dict[str, int]:
    """Time of the workload's threads by stack, ps; adds up to what the engine accounts.

    Returns
    -------
    dict
        ``thread;fault;lock ptl;wait for ptl`` -> ps, in order of their names.
    """
    found: Counter[str] = Counter()
    for task in range(recording.workers):
        for frame in frames_of(recording, task):
            head = ["thread", *(["fault"] if frame.fault >= 0 else []), frame.label]
            for span in frame.spans:
                stack = [*head, leaf_label(recording, span)]
                found[";".join(stack)] += span.end_ps - span.begin_ps
    return dict(sorted(found.items()))


def folded_text(recording: Recording) -> str:
    """The same as lines; counts are picoseconds."""
    return "".join(f"{stack} {ps}\n" for stack, ps in folded_stacks(recording).items())
