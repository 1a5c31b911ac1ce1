"""What both timed engines say when nothing can happen any more."""

from dessim.kernel import layout as lay
from dessim.kernel.layout import World
from dessim.kernel.ops import name_of


class Deadlock(RuntimeError):  # noqa: N818 - the field's word for it
    """Tasks are left that nobody will wake."""


class FatalBug(RuntimeError):  # noqa: N818 - the kernel's word for it
    """A BUG_ON fired that ends the run."""


class MeaninglessStep(RuntimeError):  # noqa: N818 - it says what was met
    """A task met a step that no branch of the kernel knows: an operation declared in part."""


def why_halted(w: World) -> FatalBug | MeaninglessStep:
    """Return the error that says what ended a run before its end.

    Of a BUG_ON it says when it fired, who met it and on which page; of a step without meaning
    which operation it is.
    """
    if w[lay.H_MEANINGLESS]:
        return MeaninglessStep(
            f"the operation {name_of(int(w[lay.H_MEANINGLESS]) - 1)!r} has no branch for its"
            " effect, or none for its duration"
        )
    at_ps = w[lay.H_BUG_AT] - 1
    return FatalBug(
        f"kernel BUG{w[lay.H_BUG_WHICH] + 1} at {at_ps / 1e6:.6f} us: task"
        f" {w[lay.H_BUG_TASK] - 1} found page {w[lay.H_BUG_PAGE]} still mapped"
    )
