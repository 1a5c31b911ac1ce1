"""The table to which each family of operations adds its rows."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about

TABLE = about.OperationTable()
operation = TABLE.declaring(about.Operation)
"""Add a row; return its number."""

ALWAYS, OWN_TABLES = lay.PRIVATE_ALWAYS, lay.PRIVATE_OWN_TABLES
CHANGES_MAPPING = about.CHANGES_PTE | about.CHANGES_COUNTS
