"""Loops that measure: written in LLVM's language, made machine code as the engine is.

They hold no interpreter lock, their atomics are LLVM's, and each takes its own times, so that what
Python does around them is in no measurement. Every wait has a deadline.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path

from dessim.engines import objects

CHAIN_CYCLES = 4
"""Cycles of a step of `chain` on x86-64: a multiplication (3) and an exclusive or (1)."""
CHAIN_STEPS = 8
LINE = 64

_ENTRIES = {
    "clock": 0,
    "chain": 2,
    "rmw": 2,
    "chase": 2,
    "touch": 4,
    "random": 4,
    "stream": 3,
    "meet": 3,
    "trial": 7,
    "swap": 6,
    "hand": 6,
    "futex": 6,
    "spin": 3,
    "timed": 4,
    "each": 5,
}
NUMBERS = {
    "x86_64": {"munmap": 11, "madvise": 28, "getppid": 110, "futex": 202, "getrusage": 98},
    "aarch64": {"munmap": 215, "madvise": 233, "getppid": 173, "futex": 98, "getrusage": 165},
}
"""System calls by architecture: Linux arch/x86/entry/syscalls/syscall_64.tbl,
include/uapi/asm-generic/unistd.h."""


def supported() -> bool:
    """Whether these loops are written for the architecture of this machine."""
    return platform.machine() in NUMBERS


@cache
def loops() -> dict[str, Callable[..., int]]:
    """The loops by name; all arguments and results are integers, addresses among them.

    Returns
    -------
    dict of str to callable
    """
    steps = []
    for n in range(1, CHAIN_STEPS + 1):
        before = "%x" if n == 1 else f"%y{n - 1}"
        steps.append(f"  %m{n} = mul i64 {before}, 6364136223846793005")
        steps.append(f"  %y{n} = xor i64 %m{n}, {0x5DEECE66D + 2 * n}")
    machine = platform.machine()
    source = Path(__file__).with_name("native.ll").read_text(encoding="utf-8")
    text = source.replace("STEPS", "\n".join(steps))
    for word, number in NUMBERS[machine].items():
        text = text.replace(word.upper(), str(number))
    entries = {name: (False,) * n for name, n in _ENTRIES.items()}
    return dict(objects.Loaded(objects.emit(text), entries).functions)
