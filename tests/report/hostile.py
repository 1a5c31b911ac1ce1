"""Results whose every text wants to be code, and where to find a browser."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

HOSTILE = (
    '"><script>window.hurt=1</script>',
    "'onmouseover='window.hurt=2",
    "</style><img src=x onerror=window.hurt=3>",
    "</title></text><svg onload=window.hurt=4>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.hurt=5",
    "$\\frac{1}{$ ]]> --> &amp; \u202e",
)


def poisoned(value: Any, turn: list[int]) -> Any:
    """Return JSON in which every text has something hostile at its end."""
    if isinstance(value, dict):
        return {key: poisoned(one, turn) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, turn) for one in value]
    if isinstance(value, str):
        turn[0] += 1
        return value + HOSTILE[turn[0] % len(HOSTILE)]
    return value


def poison(folder: Path, to: Path) -> Path:
    """Copy results and make every text in them hostile, but for what selects code."""
    shutil.copytree(folder, to)
    for name in ("results.json", "configuration.json"):
        data = json.loads((to / name).read_text())
        (to / name).write_text(json.dumps(_mended(poisoned(data, [0]), data)))
    return to


def _mended(made: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Metrics keep their names: others would be unknown columns."""
    for one, was in zip(made.get("comparisons", []), data.get("comparisons", []), strict=True):
        for row, before in zip(one["rows"], was["rows"], strict=True):
            row["metric"] = before["metric"]
    return made


def browser() -> str | None:
    """Return the path of a browser, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("DESSIM_BROWSER") or next(filter(None, found), None)
