"""Operations of a task that replays a trace."""

from dessim.kernel import operation as about
from dessim.kernel.operation import REPLAY
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_ARRIVE = operation(
    "arrive",
    REPLAY,
    "wait for the next access",
    own_delay=True,
    category="think",
    private=ALWAYS,
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    at_rest=True,
)
LAST_REPLAY = TABLE.last(REPLAY)
