"""Standard streams that may be closed, broken, or unable to hold a character."""

from __future__ import annotations

import codecs
import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

PLAIN = {
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{EN DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MICRO SIGN}": "u",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{RIGHTWARDS ARROW}": "->",
}
"""What tables hold besides ASCII, for terminals that have nothing else."""
HANDLER = "dessim-plain"
AGAIN_S = 0.05
PRINTERS = ("click", "rich")
"""Packages that write to streams."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return something like the characters that a stream cannot hold; JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or _escaped(c) for c in text), error.end


def _escaped(c: str) -> str:
    data = c.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[i]:02x}{data[i + 1]:02x}" for i in range(0, len(data), 2))


codecs.register_error(HANDLER, _plain)


def prepare() -> None:
    """Make standard streams usable: closed ones lead nowhere, no character stops the others."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free; no file may get its number
    closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - to the end
        reconfigure: Any = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=HANDLER)
    if closed:
        print("note: standard output is closed: nothing is printed", file=sys.stderr)


def finish() -> None:
    """Write what is left in the streams.

    Raises
    ------
    OSError
        If nobody reads any more, or the disk behind is full.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def give_up() -> None:
    """Let streams lead nowhere: what is left in them must not fail again at the very end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def was_printing(error: OSError) -> bool:
    """Whether an error comes from printing: such an error names no file."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module = str(frame.f_globals.get("__name__"))
    return module == __name__ or module.partition(".")[0] in PRINTERS


def is_broken_pipe(error: OSError) -> bool:
    """Whether an error says that nobody reads any more."""
    return error.errno == errno.EPIPE


def is_of_interrupt(error: BaseException) -> bool:
    """Whether an error comes of Ctrl-C: while modules are imported, Python may wrap it."""
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) and before not in chain:
        chain.append(before)
    return any(isinstance(one, KeyboardInterrupt) for one in chain)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in here, and SIGTERM, whatever they do outside.

    SIGTERM is a batch system's way to say stop. It stays ignored where it was.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    new: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        new[signal.SIGTERM] = _terminate
    before = {number: signal.signal(number, handler) for number, handler in new.items()}
    hook, sys.unraisablehook = sys.unraisablehook, _again_or(sys.unraisablehook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _again_or(hook: Callable[[sys.UnraisableHookArgs], object]) -> Callable[[Any], None]:
    """Repeat a Ctrl-C that fell into what no error leaves, as of a finalizer; else as before."""

    def again(ignored: sys.UnraisableHookArgs) -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            hook(ignored)
            return
        later = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
        later.daemon = True
        later.start()

    return again


def _terminate(number: int, frame: object) -> None:
    """Stop as at Ctrl-C, once: `timeout` sends it to a process, and then to its group."""
    signal.signal(number, _is_stopping)
    raise KeyboardInterrupt


def _is_stopping(number: int, frame: object) -> None:
    """Let the first signal be obeyed."""
