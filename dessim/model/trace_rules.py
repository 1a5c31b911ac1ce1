"""What a workload that replays a trace may say, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dessim.model.fields import yaml_key

if TYPE_CHECKING:
    from dessim.model.workload import Workload

TRACE_FIELDS = ("trace", "trace_sha256", "replay", "fault_time_ps")
"""What only workloads say that replay a trace."""


def check_trace(workload: Workload) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what does not go together in a workload with a trace, or without one."""
    given = workload.model_fields_set
    if not workload.replays:
        only = [name for name in TRACE_FIELDS if name in given and workload.kind == "faults"]
        return [((key,), f"'{key}' needs access 'trace'") for key in map(yaml_key, only)]
    name = "access 'trace'"
    wrong = {
        "trace": not workload.trace and f"{name} needs 'trace', a file that `dessim import` wrote",
        "fault_time": "fault_time_ps" in given
        and workload.replay == "open"
        and "fault_time needs replay 'closed': open replay has arrival times",
        "start": workload.start != "interval"
        and f"{name} begins tasks when they were recorded: start is 'interval'",
        "start_stagger": "start_stagger_ps" in given
        and not workload.writes
        and f"{name} begins tasks when they were recorded: leave it out",
        "page_touch": workload.page_touch != "touch_word"
        and f"{name} touches one word of a page: page_touch is 'touch_word'",
        "sweeps": workload.sweeps > 1 and f"{name} is replayed once",
        "mapping": workload.mapping != ("per_thread" if workload.writes else "shared")
        and f"{name} has the processes of the trace: leave mapping out",
        "actors": bool(workload.actors) and f"{name} does not support actors yet",
    }
    return [((key,), text) for key, text in wrong.items() if text]
