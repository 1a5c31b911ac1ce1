"""What must hold of files that execs map: who holds them, and how often they are mapped."""

from dessim.kernel import layout as lay
from dessim.kernel.invariants import BrokenError
from dessim.kernel.layout import World


def files_of(w: World) -> list[int]:
    """Return where the record of each file begins that execs map: its lock record."""
    if not w[lay.H_OBJECT]:
        return []
    tasks = (int(w[lay.H_TASK]) + i * lay.T_WORDS for i in range(int(w[lay.H_WORKERS])))
    first = sorted({int(w[t + lay.T_OBJECTS]) for t in tasks})
    size = int(w[lay.H_OBJECT_WORDS])
    return [place + i * size for place in first for i in range(int(w[lay.H_OBJECTS]))]


def check_files(w: World) -> None:
    """Check every file: one writer at most, and no more mappings than its processes have.

    Raises
    ------
    BrokenError
        With what does not hold.
    """
    tasks = [int(w[lay.H_TASK]) + i * lay.T_WORDS for i in range(int(w[lay.H_WORKERS]))]
    size = int(w[lay.H_OBJECTS]) * int(w[lay.H_OBJECT_WORDS])
    for place in files_of(w):
        users = sum(0 <= place - int(w[t + lay.T_OBJECTS]) < size for t in tasks)
        file = place + int(w[lay.H_LINE_WORDS])
        most = users * int(w[lay.H_FILE_VMAS])
        if not 0 <= w[file + lay.O_VMAS] <= most:
            raise BrokenError(f"a file has {w[file + lay.O_VMAS]} mappings, of {most} at most")
        if w[place + lay.K_HOLD] not in (0, -1):
            raise BrokenError(f"an i_mmap_rwsem is held {w[place + lay.K_HOLD]} times")


def check_files_at_rest(w: World) -> None:
    """Check that at the end no file is mapped; of its lock see ``held_at_end``.

    Raises
    ------
    BrokenError
        With what is left over.
    """
    for place in files_of(w):
        file = place + int(w[lay.H_LINE_WORDS])
        if w[file + lay.O_VMAS]:
            raise BrokenError(f"a file has {w[file + lay.O_VMAS]} mappings at the end")
