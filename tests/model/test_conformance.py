"""Files in valid/ load; each file in invalid/ is refused with exactly the message next to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dessim.model import ConfigError, load_experiment, load_machine, load_workload, resolve

HERE = Path(__file__).parent
LOADERS: dict[str, Callable[[Path], object]] = {
    "machine": load_machine,
    "workload": load_workload,
    "experiment": load_experiment,
}


def _load(path: Path) -> object:
    return LOADERS[path.stem.partition("-")[0]](path)


@pytest.mark.parametrize("path", sorted((HERE / "valid").glob("*.yaml")), ids=lambda p: p.stem)
def test_valid(path: Path) -> None:
    """A valid file loads, and an experiment has at least one point."""
    loaded = _load(path)
    if path.stem.startswith("experiment"):
        assert resolve(loaded)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted((HERE / "invalid").glob("*.yaml")), ids=lambda p: p.stem)
def test_invalid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid file is refused with the message next to it, word for word."""
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigError) as refusal:
        _load(Path(path.name))
    assert str(refusal.value) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_has_its_file() -> None:
    """No message lies in invalid/ without the file that it belongs to."""
    messages = {path.stem for path in (HERE / "invalid").glob("*.txt")}
    assert messages == {path.stem for path in (HERE / "invalid").glob("*.yaml")}
