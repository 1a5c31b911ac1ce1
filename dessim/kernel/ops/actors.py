"""The lives of threads, actors and slots of the device."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.operation import ACTOR
from dessim.kernel.ops.table import TABLE, operation

OP_BEGIN = operation(
    "begin",
    ACTOR,
    "begin",
    category="run_queue",
    quiet=about.QUIET_ALWAYS,
    waits_for=lay.WAITS_FOR_CPU,
    at_rest=True,
)
OP_PAUSE = operation(
    "pause",
    ACTOR,
    "pause",
    own_delay=True,
    category="idle",
    quiet=about.QUIET_ALWAYS,
    at_rest=True,
)
OP_IO_NEXT = operation(
    "io_next",
    ACTOR,
    "next read",
    category="idle",
    order=about.FULL,
    locking=lay.LOCKED_BY_DEVICE,
    waits_for=lay.WAITS_FOR_DEVICE,
    at_rest=True,
)
OP_STOP = operation(
    "stop",
    ACTOR,
    "stop",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    at_rest=True,
)
OP_START_THREAD = operation(
    "start_thread",
    ACTOR,
    "clone()",
    own_delay=True,
    category="idle",
    order=about.FULL,
    at_rest=True,
)
OP_REST = operation(
    "rest",
    ACTOR,
    "rest",
    category="idle",
    order=about.FULL,
    at_rest=True,
)
LAST_ACTOR = TABLE.last(ACTOR)
