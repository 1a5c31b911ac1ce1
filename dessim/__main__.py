"""`python -m dessim`, and the command `dessim`."""

import os
import signal


def _stop(number: int, frame: object) -> None:
    """End at once and quietly: while modules are imported, and while the process ends."""
    os.write(2, b"interrupted\n")
    os._exit(130)


def entry() -> None:
    """Run the command line; Ctrl-C and SIGTERM end it quietly, whenever they come."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    for number, handler in usual.items():
        if signal.getsignal(number) == handler:  # not ignored, as of a script's background
            signal.signal(number, _stop)
    os.environ["MPLBACKEND"] = "agg"  # figures are files; Jupyter's backend may not be installed
    from dessim.cli import main

    main(prog_name="dessim")


if __name__ == "__main__":
    entry()
