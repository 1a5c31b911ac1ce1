"""What a workload whose faults write may say, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dessim.model.fields import yaml_key

if TYPE_CHECKING:
    from dessim.model.workload import Workload

DROP_FIELDS = ("dropped_ppm", "drop_every_bytes", "split_folios")
"""What only workloads say whose sweeps end with MADV_DONTNEED."""
ENDS_OF = {
    "exec_files": ("exec", "exit"),
    "exec_links": ("exec",),
    "exec_vmas": ("exec", "exit"),
    "libraries": ("exec", "exit"),
}
"""Keys about files that processes map, with the ends of a sweep at which they do."""
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
    "moves",
    *DROP_FIELDS,
    *ENDS_OF,
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
        "access": workload.access not in ("sequential", "random", "trace")
        and f"{name} needs access 'sequential', 'random' or 'trace'",
        "touches_per_page": workload.touches_per_page != 1
        and f"{name} touches each page once a sweep: leave touches_per_page out",
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
        "folio_order": workload.folio_order
        and workload.fault != "write_private"
        and f"{name} needs a file of single pages",
        "readahead_pages": workload.readahead_pages and f"{name} reads nothing ahead",
        "actors": bool(workload.actors)
        and workload.after_sweep == "exec"
        and "after_sweep 'exec' ends all other threads of a process: leave actors out",
        "page_touch": workload.page_touch == "read_page"
        and f"{name} stores to one word of a page: page_touch is 'touch_word'",
        "memcg_depth": "memcg_depth" in given
        and not workload.allocates
        and f"{name} allocates no memory to charge",
        **_wrong_ends(workload),
        "vmas": workload.vmas == "merged"
        and workload.fault != "anonymous"
        and f"{name} maps files of each task, which are never merged: vmas needs fault 'anonymous'",
        "anon_order": "anon_order" in given
        and workload.fault != "anonymous"
        and f"{name} maps single pages: anon_order needs fault 'anonymous'",
    }
    return [((key,), text) for key, text in wrong.items() if text]


def _wrong_ends(workload: Workload) -> dict[str, str]:
    """Return why keys about the end of a sweep are refused, by key; an empty text: they are not."""
    given, end = workload.model_fields_set, workload.after_sweep
    found = {"after_sweep": _wrong_end(workload)}
    if "calls" in given and end not in ("fork", "mremap"):
        text = "calls says how often a task forks or moves: it needs after_sweep"
        found["calls"] = f"{text} 'fork' or 'mremap'"
    if "moves" in given and end != "mremap":
        found["moves"] = "moves needs after_sweep 'mremap'"
    for key in map(yaml_key, (name for name in DROP_FIELDS if name in given)):
        found[key] = _wrong_drop(workload, key)
    for key, ends in ENDS_OF.items():
        if key in given and end not in ends:
            found[key] = f"{key} needs after_sweep {' or '.join(map(repr, ends))}"
    return found


def _wrong_drop(workload: Workload, key: str) -> str:
    """Return why a key about what MADV_DONTNEED drops is refused; empty if it is not."""
    if workload.after_sweep != "dontneed":
        return f"{key} needs after_sweep 'dontneed'"
    if workload.dropped_ppm == 0:
        return "a call drops at least a page: dropped must be more than 0%"
    if key == "split_folios" and workload.split_folios and not workload.parts_folios:
        return "split_folios needs anon_order, and dropped or drop_every: no folio is in parts"
    return ""


def _wrong_end(workload: Workload) -> str:
    """Return why a sweep cannot end as the workload says; empty if it can."""
    end = workload.after_sweep
    if end != "munmap" and workload.fault != "anonymous":
        return f"after_sweep '{end}' needs fault 'anonymous'"
    if end == "fork" and workload.file == "part":
        return "after_sweep 'fork' needs file 'own': it copies all parts of a region"
    if end == "mremap" and workload.file == "part":
        return "after_sweep 'mremap' needs file 'own': a part leaves the region that it is of"
    if end in ("exec", "exit") and workload.mapping != "per_process":
        return f"after_sweep '{end}' needs mapping 'per_process': an {end} ends all other threads"
    if end == "exec" and workload.exec_links < workload.exec_vmas:
        return "after_sweep 'exec' needs exec_links of at least exec_vmas: each mapping is linked"
    return ""
