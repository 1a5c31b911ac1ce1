"""What both timed engines say when nothing can happen any more."""

from dessim.kernel.layout import H_BUG_AT, H_BUG_PAGE, H_BUG_TASK, H_BUG_WHICH, World


class Deadlock(RuntimeError):  # noqa: N818 - the field's word for it
    """Tasks are left that nobody will wake."""


class FatalBug(RuntimeError):  # noqa: N818 - the kernel's word for it
    """A BUG_ON fired that the run was told not to survive."""


def fatal_bug(w: World) -> FatalBug:
    """Return the error that tells which BUG_ON ended a run: when, who met it, on which page."""
    at_ps = w[H_BUG_AT] - 1
    return FatalBug(
        f"kernel BUG{w[H_BUG_WHICH] + 1} at {at_ps / 1e6:.6f} us: task {w[H_BUG_TASK] - 1}"
        f" found page {w[H_BUG_PAGE]} still mapped"
    )
