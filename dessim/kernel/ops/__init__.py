"""The operations: one row each, and nowhere else a list of them.

A family has a file here. A new operation is its row in the file of its family, its effect in the
function of its group (``steps``, ``pages``, ``actors``), a rule in ``delays`` if neither line nor
cost say how long it lasts, and a word in ``alphabet`` if programs use it. A new family is its file
and its line below. ``operation.Operation`` says what a row can hold.

The number of an operation is its position: families in the order of the imports below, which is
why they are not sorted. Groups are contiguous: ``steps.step`` distinguishes them by their last
operations.
"""

# ruff: noqa: F403, F405, I001
from dessim.kernel import operation as about
from dessim.kernel.ops.pages import *
from dessim.kernel.ops.conditions import *
from dessim.kernel.ops.locks import *
from dessim.kernel.ops.nothing import *
from dessim.kernel.ops.tasks import *
from dessim.kernel.ops.cache import *
from dessim.kernel.ops.folios import *
from dessim.kernel.ops.ranges import *
from dessim.kernel.ops.actors import *
from dessim.kernel.ops.frames import *
from dessim.kernel.ops.charges import *
from dessim.kernel.ops.regions import *
from dessim.kernel.ops.calls import *
from dessim.kernel.ops.execs import *
from dessim.kernel.ops.parts import *
from dessim.kernel.ops.splits import *
from dessim.kernel.ops.paging import *
from dessim.kernel.ops.reclaim import *
from dessim.kernel.ops.replays import *
from dessim.kernel.ops.protocols import *
from dessim.kernel.ops.table import TABLE

OPERATIONS = TABLE.closed(globals())
"""All rows by number."""
OPS = tuple(row.name for row in OPERATIONS)
NUMBERS = {name: number for number, name in enumerate(OPS)}
"""Name -> number."""


def row_of(name: str) -> about.Operation:
    """Return the row of an operation by its name."""
    return OPERATIONS[NUMBERS[name]]


def name_of(number: int) -> str:
    """Return the name of an operation by its number, or the number if there is none."""
    return OPS[number] if 0 <= number < len(OPS) else f"number {number}"
