"""Every order of steps in small scopes: what is explored (``scope``, ``protocols``), verdicts."""

from dessim.engines.code_cache import kept_searches
from dessim.engines.explorer.effort import Effort, Interrupted
from dessim.study.check.litmus import Litmus, read_litmus
from dessim.study.check.litmus_run import LitmusChecked, check_litmus, litmus_small_world
from dessim.study.check.litmus_text import LitmusError
from dessim.study.check.protocols import (
    ASLEEP,
    ProtocolChecked,
    ProtocolScope,
    ProtocolVerdict,
    check_protocol,
    protocol_scope,
    protocol_small_world,
)
from dessim.study.check.scope import (
    NOBODY,
    CheckError,
    Scope,
    actor_of,
    actors,
    core_scopes,
    refuse_nonsense,
    shipped_actors,
    short_name,
    task_names,
)
from dessim.study.check.verdicts import (
    DEFAULT_BOUND,
    Checked,
    Verdict,
    check,
    explore_core,
    property_names,
    replay_on_reference,
    setup_of,
    small_world_of,
    story,
)

__all__ = [
    "ASLEEP",
    "DEFAULT_BOUND",
    "NOBODY",
    "CheckError",
    "Checked",
    "Effort",
    "Interrupted",
    "Litmus",
    "LitmusChecked",
    "LitmusError",
    "ProtocolChecked",
    "ProtocolScope",
    "ProtocolVerdict",
    "Scope",
    "Verdict",
    "actor_of",
    "actors",
    "check",
    "check_litmus",
    "check_protocol",
    "core_scopes",
    "explore_core",
    "kept_searches",
    "litmus_small_world",
    "property_names",
    "protocol_scope",
    "protocol_small_world",
    "read_litmus",
    "refuse_nonsense",
    "replay_on_reference",
    "setup_of",
    "shipped_actors",
    "short_name",
    "small_world_of",
    "story",
    "task_names",
]
