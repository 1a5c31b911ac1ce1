"""Which locals of a protocol's actor an instruction uses, and which it sets."""

from collections.abc import Sequence
from typing import Any

from dessim.engines.explorer.orders import operation_of
from dessim.kernel import layout as lay
from dessim.kernel.operands import word_operand
from dessim.kernel.operation import OF_PROTOCOLS, SECTION, VARIABLE
from dessim.kernel.ops import OP_REPORT_BUG, OP_SET_LOCAL, OP_TRY_LOCK

Code = Sequence[tuple[int, int]]


def locals_of(row: Any, code: Code) -> tuple[int, int]:
    """Return the locals that an instruction uses and those that it sets, a bit each."""
    op, a = int(row[lay.I_OP]), int(row[lay.I_A])
    operation = operation_of(row)
    if operation.group not in OF_PROTOCOLS or operation.group == SECTION:
        return 0, 0
    if op in (OP_TRY_LOCK, OP_REPORT_BUG):
        return 0, 0
    how = word_operand(int(row[lay.I_B]))
    if op == OP_SET_LOCAL:
        return mentioned(code, how.value), 1 << a
    used = mentioned(code, how.value) | mentioned(code, how.condition)
    if operation.group == VARIABLE and operation.order is not None:
        used |= mentioned(code, (a >> 8) & 0xFFFF)
    kept = operation.finds and how.local != lay.NO_LOCAL
    return used, 1 << how.local if kept else 0


def mentioned(code: Code, place: int) -> int:
    """Return which locals an expression mentions, a bit each."""
    found = 0
    while code[place][0] != lay.E_END:
        if code[place][0] == lay.E_LOCAL:
            found |= 1 << code[place][1]
        place += 1
    return found
