"""dessim's own engines, timed: the run alone, not the building of its World."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dessim.kernel.result import RunResult, check_at_rest, read_result
from dessim.kernel.world import Setup, build_world
from dessim.model.workload import PAGE_BYTES

OWN_LOOP = "own loop"
SHARED_LOOP = "shared loop"
"""Names of contenders: the compiled engine in a loop for one program, and in that for all."""


@contextmanager
def loops(own: bool) -> Iterator[None]:
    """Let runs go on in loops made for their programs, or in the one that all share."""
    from dessim.engines.specialise import SWITCH

    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "always" if own else "0"
    yield
    del os.environ[SWITCH]
    if before is not None:
        os.environ[SWITCH] = before


def run_compiled(setup: Setup, repeats: int = 1, *, own: bool = False) -> tuple[RunResult, float]:
    """Run the compiled engine and return its result and its processor time in s, per run.

    The time to make a loop of its own is left out, as that of compiling the shared one is.
    """
    from dessim.engines import compiled, specialise

    seconds = 0.0
    with loops(own):
        for _ in range(repeats):
            w = build_world(setup)
            if own:
                specialise.prepare(w)
            before = time.process_time()
            compiled.run(w)
            seconds += time.process_time() - before
    check_at_rest(w)
    return read_result(w, _declared_pages(setup)), seconds / repeats


def run_reference(setup: Setup) -> tuple[RunResult, float]:
    """Run the reference engine and return its result and its processor time in s."""
    from dessim.engines import reference

    words = build_world(setup).tolist()
    before = time.process_time()
    reference.run(words, check=False)
    seconds = time.process_time() - before
    check_at_rest(words)
    return read_result(words, _declared_pages(setup)), seconds


def _declared_pages(setup: Setup) -> int:
    return max(1, setup.workload.file_size_bytes // PAGE_BYTES)
