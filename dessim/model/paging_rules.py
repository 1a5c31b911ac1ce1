"""What a workload that reads its file by windows may say, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dessim.model.fields import yaml_key

if TYPE_CHECKING:
    from dessim.model.workload import Workload

BLOCK_BYTES = 4096
"""Of the smallest page: a block of so many is in no file that is smaller."""
PAGING_FIELDS = ("advice", "memory_share_ppm", "touches", "block_pages", "scan_pages")
"""What belongs to files that may be larger than memory."""


def check_paging(workload: Workload) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what does not go together with a file that is read by windows."""
    if workload.kind != "faults":
        return []
    given = workload.model_fields_set
    found: list[tuple[tuple[str | int, ...], str]] = []
    if (workload.access == "blocks") != bool(workload.block_pages):
        text = "access 'blocks' and block_pages belong together: give both or neither"
        found.append((("block_pages",), text))
    if workload.block_pages * BLOCK_BYTES > workload.file_size_bytes:
        text = f"a block of {workload.block_pages} pages is larger than the file"
        found.append((("block_pages",), text))
    if not workload.advice:
        only = [name for name in PAGING_FIELDS[1:] if name in given]
        text = "needs an advice: normal, random or sequential"
        return found + [((key,), f"'{key}' {text}") for key in map(yaml_key, only)]
    name = f"advice '{workload.advice}'"
    wrong = {
        "access": workload.access == "one_per_table"
        and f"{name} needs access 'sequential', 'random' or 'blocks'",
        "fault": workload.fault != "read" and f"{name} needs fault 'read'",
        "start": workload.start == "pthread_create" and f"{name} needs start 'interval'",
        "page_touch": workload.page_touch == "read_page"
        and f"{name} counts the touch of a word of each page: page_touch is 'touch_word'",
        "unmap_every_pages": workload.unmap_every_pages and f"{name} unmaps nothing: leave it out",
        "touches_per_page": workload.touches_per_page > 1
        and f"{name} takes the number of touches from 'touches'",
        "random_sequence": workload.random_sequence != "own" and f"{name} draws its own pages",
        "folio_order": workload.folio_order and f"{name} reads single pages: leave it out",
        "actors": bool(workload.actors) and f"{name} does not support actors yet",
        "readahead_pages": workload.advice != "random"
        and not 4 <= workload.readahead_pages <= 4096
        and f"{name} reads windows of 4 to 4096 pages",
        "cached": workload.cached_ppm > workload.memory_share_ppm
        and "more of the file is cached than fits in memory",
    }
    return found + [((key,), text) for key, text in wrong.items() if text]
