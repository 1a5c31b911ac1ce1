"""Random runs: a random or shipped program on a random machine under a random workload."""

from hypothesis import strategies as st
from random_machines import MAX_THREADS, file_workloads, lock_loops, machines
from random_programs import OPTION, Writer, fault_parts, loop_program

from dessim import schemes
from dessim.kernel.assembler import assemble
from dessim.kernel.programs import fault_program, lock_loop_program
from dessim.kernel.world import Setup

ORDERS = (0, 1, 2, 3, 9)


@st.composite
def runs(draw, frames: tuple[str, ...] = ("scheme", "fault", "loop", "lock loop", "own loop")):
    """Draw a run.

    Parameters
    ----------
    frames : tuple of str
        What may surround the random part: a shipped ``scheme`` has none; a random ``fault`` path; a
        random ``loop`` over accesses; the shipped ``lock loop``; an ``own loop`` in its place.
    """
    frame = draw(st.sampled_from(frames))
    threads = draw(st.integers(1, MAX_THREADS))
    machine = draw(machines(threads))
    workload = draw(lock_loops() if frame in ("lock loop", "own loop") else file_workloads())
    options = {OPTION: draw(st.booleans())}
    if frame == "scheme":
        scheme = schemes.load(draw(st.sampled_from(schemes.names())))
        steps = fault_program(scheme.fault_around, scheme.slow_path)
        options = {name: draw(st.booleans()) for name in scheme.options}
    elif frame == "fault":
        steps = fault_program(*fault_parts(Writer(draw)))
    elif frame == "lock loop":
        steps = lock_loop_program()
    else:
        steps = loop_program(Writer(draw))
    return Setup(
        machine,
        workload,
        assemble(steps, options),
        threads,
        draw(st.sampled_from(ORDERS)),
        None,
        seed=draw(st.integers(0, 3)),
        replication=0,
    )
