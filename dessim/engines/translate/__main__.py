"""Show the code of a step: ``python -m dessim.engines.translate SCHEME --step NAME``."""

import argparse
import re
import sys
from typing import Any

from dessim import model, registry
from dessim.engines import objects
from dessim.engines.translate.source import read
from dessim.engines.translate.special import Special, constant_words
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.ops import name_of
from dessim.kernel.setup import Setup
from dessim.kernel.steps import advance_at
from dessim.kernel.world import build_world

SIZE_BYTES = 1 << 20
THREADS = 4


def a_setup(scheme: str, machine: str, order: int) -> Setup:
    """Return a small run of a scheme: threads that share a mapping of a cached file."""
    loaded = model.load_machine(machine)
    program = registry.thread_program(
        registry.load(scheme),
        {},
        order,
        counts_tables=loaded.locks.pmd_locks,
        vma_cache_of_mm=loaded.locks.vma_cache == "mm",
    )
    workload = model.load_workload("shared-mapping")
    return Setup(loaded, workload, program, THREADS, order, SIZE_BYTES, 1, 0)


def places_of(w: Any, program: Any, step: str) -> list[int]:
    """Return the program counters of a step: by number, or by the name of its operation.

    Raises
    ------
    UserError
        If the program has no such step: with those that it has.
    """
    first = int(w[lay.H_PROG]) + lay.I_OP
    names = [name_of(int(w[first + pc * lay.I_WORDS])) for pc in range(len(program.listing))]
    if step.isdecimal() and int(step) < len(names):
        return [int(step)]
    found = [pc for pc, name in enumerate(names) if name == step]
    if not found:
        known = ", ".join(dict.fromkeys(names))
        raise UserError(f"the program has no step {step!r}; it has 0 to {len(names) - 1}: {known}")
    return found


def code_of(w: Any, pc: int, *, as_written: bool = False) -> str:
    """Return what is left of ``advance_at`` for a program counter, in LLVM's language.

    Parameters
    ----------
    w : int64 array
        A World.
    pc : int
    as_written : bool
        As the translator writes it, instead of what LLVM has made of that.
    """
    module = Special(constant_words(w))
    known: dict[str, int | None] = {"w": None, "task": None, "pc": pc, "now": None}
    name = f"step {pc}"
    made = module.declare(read(advance_at), known, name)
    made.linkage, made.calling_convention = "external", ""
    module.write_all()
    text = str(module.ir)
    if not as_written:
        text = objects.optimised(text)
    [body] = re.findall(rf'^define [^\n]*@"{name}"\(.*?^}}', text, re.DOTALL | re.MULTILINE)
    return str(body)


def main(given: list[str] | None = None) -> int:
    """Print the code of each place of a step in a scheme's program."""
    parser = argparse.ArgumentParser(prog="python -m dessim.engines.translate", description=__doc__)
    parser.add_argument("scheme", help="as `dessim list schemes` names it")
    parser.add_argument("--step", required=True, help="an operation, or its place in the program")
    parser.add_argument("--machine", default="ivybridge-ex-4s")
    parser.add_argument("--order", type=int, default=4, help="log2 of the window in pages")
    parser.add_argument("--as-written", action="store_true", help="before LLVM optimises it")
    asked = parser.parse_args(given)
    try:
        setup = a_setup(asked.scheme, asked.machine, asked.order)
        w = build_world(setup)
        for pc in places_of(w, setup.program, asked.step):
            print(f"; {pc}: {setup.program.listing[pc].strip()}")
            print(code_of(w, pc, as_written=asked.as_written))
    except UserError as error:
        print(error.message(), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
