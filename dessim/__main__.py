"""`python -m dessim`, and the command `dessim`."""

import os
import signal


def _stop(number: int, frame: object) -> None:
    """End at once and quietly: while modules are imported, and while the process ends."""
    os.write(2, b"interrupted\n")
    os._exit(130)


def entry() -> None:
    """Run the command line; Ctrl-C ends it quietly, whenever it comes."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, _stop)
    from dessim.cli import main

    main(prog_name="dessim")


if __name__ == "__main__":
    entry()
