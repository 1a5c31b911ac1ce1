"""dessim's own engines, timed: the run alone, not the building of its World."""

import time

from dessim.kernel.result import RunResult, check_at_rest, read_result
from dessim.kernel.world import Setup, build_world
from dessim.model.workload import PAGE_BYTES


def run_compiled(setup: Setup, repeats: int = 1) -> tuple[RunResult, float]:
    """Run the compiled engine and return its result and its processor time in s, per run."""
    from dessim.engines import compiled

    seconds = 0.0
    for _ in range(repeats):
        w = build_world(setup)
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
