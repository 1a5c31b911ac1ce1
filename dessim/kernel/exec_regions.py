"""The files that execs map, in a World before its first event."""

from dessim.kernel import layout as lay
from dessim.kernel.regions import Sizes, Words
from dessim.kernel.setup import Setup


def lay_out_files(w: Words, setup: Setup, sizes: Sizes) -> None:
    """Let each task have an exec behind it: its files are mapped.

    Parameters
    ----------
    w : int64 array
        Its regions are there, and empty.
    setup : Setup
    sizes : Sizes
    """
    workload, size = setup.workload, sizes.line_words + lay.O_WORDS
    own = workload.libraries == "own"
    w[lay.H_OBJECT_WORDS] = size
    w[lay.H_OBJECTS] = workload.exec_files
    execs = workload.after_sweep == "exec"
    w[lay.H_LINKS] = workload.exec_links if execs else workload.exec_vmas
    w[lay.H_FILE_VMAS] = workload.exec_vmas
    w[lay.H_UNLINKS] = setup.batches.unlink_batch
    users = 1 if own else setup.threads
    first = int(w[lay.H_OBJECT])
    for i in range(setup.exec_files):
        place = first + i * size
        w[place + sizes.line_words + lay.O_VMAS] = users * workload.exec_vmas
        if own:
            w[place + lay.L_HOME] = sizes.cpus[i // workload.exec_files].socket
    for task in range(setup.threads):
        t = int(w[lay.H_TASK]) + task * lay.T_WORDS
        begin = first + (task * workload.exec_files * size if own else 0)
        w[t + lay.T_OBJECTS] = w[t + lay.T_OBJECT] = begin
