"""Engines: who steps next. They get a World and know no scheme."""

from collections.abc import Callable
from typing import Any, Literal

from dessim.kernel.result import RunResult, check_at_rest, read_result
from dessim.kernel.world import Setup, build_world

EngineName = Literal["reference", "compiled"]
ENGINES: tuple[EngineName, ...] = ("compiled", "reference")


def run_setup(
    setup: Setup, engine: EngineName = "compiled", progress: Callable[[int], None] | None = None
) -> RunResult:
    """Run one setup to its end and read the result.

    Parameters
    ----------
    setup : Setup
    engine : "compiled" or "reference"
        Both give the same result, bit for bit.
    progress : callable, optional
        Called now and then with the simulated time in ps (compiled engine).

    Raises
    ------
    WorldError
        If machine, workload and threads do not go together.
    Deadlock
        If tasks are left that wait for each other.
    InvariantError
        If the World contradicts itself at the end.
    """
    declared = setup.file_pages
    w: Any = build_world(setup)
    if engine == "reference":
        from dessim.engines import reference

        words = w.tolist()
        reference.run(words)
        check_at_rest(words)
        return read_result(words, declared)
    from dessim.engines import compiled

    compiled.run(w, progress)
    check_at_rest(w)
    return read_result(w, declared)
