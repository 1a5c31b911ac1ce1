"""A long run goes on in a loop that is made for its program and machine, while it runs.

The loop that all runs share (``build``) begins. If a loop for this very program is kept, it takes
over after a moment; if a run is long, one is made in another thread. Both keep all they know in
the World and the tree, so that one follows the other between two chunks. Runs that differ in their
random draws alone share what was made, in this process and in others.
"""

import logging
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dessim.engines import build, code_cache, line_table, objects
from dessim.engines.loop import run_chunk

LOG = logging.getLogger(__name__)

SWITCH = "DESSIM_SPECIALISE"
"""Set to 0, every run stays in the loop that all share; set to ``always``, each has its own from
the beginning, and waits until it is made."""
LOOK_AFTER = 20_000_000  # events: half a second; to look costs some milliseconds
MAKE_AFTER = 500_000_000  # events: a quarter of a minute; to make one takes 2 to 12 s of a core
Loop = Callable[..., int]


def is_on() -> bool:
    """Return whether long runs get a loop of their own."""
    return os.environ.get(SWITCH, "1") != "0" and not build.is_plain()


class Course:
    """The loop in which a run goes on, chunk by chunk.

    Parameters
    ----------
    w : int64 array
        The World.
    shared : callable
        The loop that all runs share.
    budget : int
        Events of a chunk.
    """

    def __init__(self, w: Any, shared: Loop, budget: int) -> None:
        self.w, self.shared, self.budget = w, shared, budget
        self.own: Loop | None = None
        self.known: dict[int, int] = {}
        self.events = 0
        self.making: threading.Thread | None = None
        self.on = is_on()
        if self.on and os.environ.get(SWITCH) == "always":
            self.begin()
            self.own = _made(self.name, w)

    def loop(self) -> Loop:
        """Return the loop for the next chunk."""
        before, self.events = self.events, self.events + self.budget
        if self.own is None and self.on:
            if before < LOOK_AFTER <= self.events:
                self.begin()
                self.own = _kept(self.name)
            elif before < MAKE_AFTER <= self.events:
                # No daemon: LLVM must not be at work while the process is taken down around it.
                self.making = threading.Thread(target=self.make, daemon=False)
                self.making.start()
        return (self.on and self.own) or self.shared

    def stay_shared(self) -> None:
        """Go on in the loop that all share, to the end: times have outgrown the keys of the other.

        With the program counter in its keys a loop of its own counts less far: 562 s of simulated
        time with 120 tasks and a program of 72 steps, where the shared one counts 20 hours.
        """
        self.own, self.on = None, False

    def begin(self) -> None:
        """Note what never changes in the World."""
        from dessim.engines.translate.special import constant_words

        self.known = constant_words(self.w)
        self.name = name_of(self.known)

    def make(self) -> None:
        """Make a loop of its own; without one the run goes on as it is."""
        try:
            self.own = _made(self.name, self.w)
        except Exception:  # whatever a later LLVM raises
            LOG.warning("no loop could be made for this program: the run goes on", exc_info=True)

    def check(self) -> None:
        """Check that what was taken for constant is.

        Raises
        ------
        RuntimeError
            If it is not: a mistake in ``layout.H_CHANGING``, never one of the user's.
        """
        for place, number in self.known.items():
            if self.w[place] != number:
                raise RuntimeError(f"word {place} of the World changed: it is declared constant")


def prepare(w: Any) -> None:
    """Make the loop for a World's program, if none is kept: the next run of it finds it."""
    from dessim.engines.translate.special import constant_words

    _made(name_of(constant_words(w)), w)


def name_of(known: dict[int, int]) -> str:
    """Return the name under which a loop for these constants is kept."""
    return _name(tuple(sorted(known.items())), line_table.is_on())


@lru_cache(16)
def _name(known: tuple[tuple[int, int], ...], lines: bool) -> str:
    """Return the name for constants; the kernel and the machine are the same in one process."""
    return code_cache.key("special", build.fingerprint(), repr((known, lines)))


@lru_cache(16)
def _loaded(name: str) -> list[Loop]:
    """Return the place of a loop in this process: a list with it, or without."""
    return []


def _kept(name: str) -> Loop | None:
    """Return the loop of a name if it is in this process, or on the disk."""
    place = _loaded(name)
    if not place:
        code = code_cache.stored(name)
        if code is not None:
            place.append(_load(code))
    return place[0] if place else None


def _made(name: str, w: Any) -> Loop:
    """Return the loop of a name, made now unless somebody else was faster."""
    from dessim.engines.translate.threaded import translate_threaded

    with code_cache.alone():
        found = _kept(name)
        if found is None:
            code = objects.emit(translate_threaded(w, lines=line_table.is_on()))
            code_cache.publish(name, code)
            found = _load(code)
            _loaded(name).append(found)
    return found


def _load(code: bytes) -> Loop:
    arrays = {run_chunk.__name__: build.arrays_of(run_chunk)}
    return objects.Loaded(code, arrays).functions[run_chunk.__name__]
