"""Ctrl-C and processes that are started: it is the parent's, and must not tear a start apart.

A terminal sends SIGINT to every process of a group. One that still imports its modules would answer
with a traceback, so workers have SIGINT blocked from their first instruction on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, ClassVar

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def later() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM come at the end of a block that must be done as a whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before: dict[int, Any] = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in STOPPING
        if callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def deaf() -> Iterator[None]:
    """Block SIGINT in processes and threads that are started meanwhile; nothing is lost here."""
    resource_tracker.ensure_running()  # it unblocks SIGINT
    with later():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DeafProcess(SpawnProcess):
    """A process that never hears Ctrl-C."""

    def start(self) -> None:
        """Start it."""
        with deaf():
            super().start()


class DeafContext(SpawnContext):
    """Starts such processes."""

    Process: ClassVar[Any] = DeafProcess
