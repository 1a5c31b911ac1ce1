"""What a workload whose faults write may say, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dessim.model.fields import yaml_key

if TYPE_CHECKING:
    from dessim.model.workload import Workload

WRITE_FIELDS = (
    "fault",
    "file",
    "sweeps",
    "phases",
    "touched_ppm",
    "vmas",
    "memcg_depth",
    "anon_order",
    "after_sweep",
    "calls",
)
"""What only workloads say whose faults write: others are as if they did not exist."""


def check_writes(workload: Workload) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what does not go together with the kind of fault."""
    if workload.kind != "faults":
        return []
    given = workload.model_fields_set
    if workload.fault == "read":
        only = [key for key in WRITE_FIELDS[2:] if key in given]
        text = "belongs to faults that write: set fault to anonymous, write_shared or"
        problems: list[tuple[tuple[str | int, ...], str]] = [
            ((key,), f"'{key}' {text} write_private") for key in map(yaml_key, only)
        ]
        if workload.file != "shared":
            name = f"file '{workload.file}'"
            text = f"{name} needs a fault other than 'read': readers here share one file"
            problems.append((("file",), text))
        return problems
    name = f"fault '{workload.fault}'"
    wrong = {
        "access": workload.access not in ("sequential", "trace")
        and f"{name} needs access 'sequential' or 'trace'",
        "file": workload.file == "shared"
        and f"{name} needs file 'own': one per task; or 'part': one for all, a part of it per task",
        "mapping": (workload.mapping == "shared") != (workload.file == "part")
        and (
            f"{name} needs mapping 'shared' with file 'part'"
            if workload.file == "part"
            else f"{name} needs a mapping per task: 'per_thread' or 'per_process'"
        ),
        "start": workload.start == "pthread_create" and f"{name} needs start 'interval'",
        "unmap_every_pages": workload.unmap_every_pages
        and f"{name} unmaps the whole region after each sweep: leave it out",
        "cached": workload.cached_ppm < 1_000_000
        and f"{name} needs a file that is entirely in the page cache",
        "readahead_pages": workload.readahead_pages and f"{name} reads nothing ahead",
        "actors": bool(workload.actors) and f"{name} does not support actors yet",
        "page_touch": workload.page_touch == "read_page"
        and f"{name} stores to one word of a page: page_touch is 'touch_word'",
        "memcg_depth": "memcg_depth" in given
        and not workload.allocates
        and f"{name} allocates no memory to charge",
        "after_sweep": _wrong_end(workload),
        "calls": "calls" in given
        and workload.after_sweep != "fork"
        and "calls says how often a task forks: it needs after_sweep 'fork'",
        "vmas": workload.vmas == "merged"
        and workload.fault != "anonymous"
        and f"{name} maps files of each task, which are never merged: vmas needs fault 'anonymous'",
        "anon_order": "anon_order" in given
        and workload.fault != "anonymous"
        and f"{name} maps single pages: anon_order needs fault 'anonymous'",
    }
    return [((key,), text) for key, text in wrong.items() if text]


def _wrong_end(workload: Workload) -> str:
    """Return why a sweep cannot end as the workload says; empty if it can."""
    end = workload.after_sweep
    if end != "munmap" and workload.fault != "anonymous":
        return f"after_sweep '{end}' needs fault 'anonymous'"
    if end == "fork" and workload.file == "part":
        return "after_sweep 'fork' needs file 'own': it copies all parts of a region"
    return ""
