"""Operations within a folio."""

from dessim.kernel.operation import FOLIO
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_TO_HEAD = operation("to_head", FOLIO, "compound_head()", private=ALWAYS, leaves_page=True)
OP_FROM_HEAD = operation("from_head", FOLIO, "back from the head", private=ALWAYS, leaves_page=True)
OP_NEXT_IN_FOLIO = operation(
    "next_in_folio",
    FOLIO,
    "next page of the folio",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_page_of_folio",
)
OP_NEXT_FOLIO = operation(
    "next_folio",
    FOLIO,
    "next folio",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_folio",
    opened_by="window",
    new_page=True,
)
OP_WHOLE_FOLIO = operation(
    "whole_folio", FOLIO, "folio_within_vma()", category="page_cache", private=ALWAYS
)
LAST_FOLIO = TABLE.last(FOLIO)
