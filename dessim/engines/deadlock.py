"""What both timed engines say when nothing can happen any more."""


class Deadlock(RuntimeError):  # noqa: N818 - the field's word for it
    """Tasks are left that nobody will wake."""
