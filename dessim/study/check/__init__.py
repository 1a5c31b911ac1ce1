"""Every order of steps in small scopes: what is explored (``scope``), and ``verdicts``."""

from dessim.study.check.scope import (
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
    "DEFAULT_BOUND",
    "CheckError",
    "Checked",
    "Scope",
    "Verdict",
    "actor_of",
    "actors",
    "check",
    "core_scopes",
    "explore_core",
    "property_names",
    "refuse_nonsense",
    "replay_on_reference",
    "setup_of",
    "shipped_actors",
    "short_name",
    "small_world_of",
    "story",
    "task_names",
]
