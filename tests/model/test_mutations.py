"""Valid files with one part replaced by junk: a model or a ConfigError, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dessim.model import ConfigError, load_experiment, load_machine, load_workload

VALID = Path(__file__).parent / "valid"
LOADERS: dict[str, Callable[[Path], object]] = {
    "machine": load_machine,
    "workload": load_workload,
    "experiment": load_experiment,
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from(
        ["20ns", "-1ns", "64KiB", "1e999s", "10%", "on", "", "/", "..", "a.yaml", "\0"]
    ),
    st.text(max_size=10),
)
TREES = st.recursive(
    JUNK,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["value", "range", "tag", "name", "threads", "machine.smt", "a"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


def _paths(data: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all parts of nested data, itself included."""
    items: Any = data.items() if isinstance(data, dict) else ()
    if isinstance(data, list):
        items = enumerate(data)
    below = [_paths(value, (*prefix, key)) for key, value in items]
    return [prefix, *(path for paths in below for path in paths)]


def _replace(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = _replace(data[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize("path", sorted(VALID.glob("*.yaml")), ids=lambda p: p.stem)
# no deadline: forty files written and read take long on a loaded machine, which is no fault
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draw=st.data())
def test_junk_in_a_valid_file_is_at_worst_a_config_error(
    path: Path, draw: st.DataObject, tmp_path: Path
) -> None:
    """Wherever the junk lands, the file loads or is refused."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data = _replace(data, draw.draw(st.sampled_from(_paths(data))), draw.draw(TREES))
    for name in ("machine-small", "machine-two-sockets", "workload-plain", "workload-lock-loop"):
        (tmp_path / f"{name}.yaml").write_bytes((VALID / f"{name}.yaml").read_bytes())
    changed = tmp_path / "changed.yaml"
    changed.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    message = "loaded"
    try:
        LOADERS[path.stem.partition("-")[0]](changed)
    except ConfigError as error:
        message = str(error)
    assert message == "loaded" or ": error: " in message
