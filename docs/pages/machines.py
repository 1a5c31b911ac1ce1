"""Machine profiles: every number with its range, tag, source and note."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from dessim import model
from dessim.model.fields import Model, keys_of, submodel, unit_of, yaml_key

from .markdown import code, escape, table


def _numbers(part: Model, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Leaf keys of a machine by their path, with value and unit."""
    names = {yaml_key(name): name for name in type(part).model_fields}
    for key, field in keys_of(type(part)).items():
        value = getattr(part, names[key])
        if submodel(field) is not None and value is not None:
            yield from _numbers(value, f"{path}{key}.")
        elif path:
            yield f"{path}{key}", value, unit_of(field)


def _written(value: Any, unit: Any) -> str:
    if unit is not None and value is not None:
        return str(unit.write(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "; ".join(" ".join(map(str, row)) for row in value)
    return str(value)


def _rows(machine: model.Machine) -> dict[str, list[tuple[str, str, str, str]]]:
    """Part of the machine -> a row for each number: key, value, range, where it is from."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, value, unit in _numbers(machine):
        part, _, key = path.partition(".")
        if part == "calibration":
            continue
        known = machine.provenance.get(path)
        span = origin = ""
        if known is not None:
            words = filter(None, (known.tag, known.source and code(known.source)))
            origin = ", ".join(words) + (f": {escape(known.note)}" if known.note else "")
            if known.low is not None and known.high is not None:
                span = f"{_written(known.low, unit)} to {_written(known.high, unit)}"
        row = (code(key), code(_written(value, unit)), escape(span), origin or "default")
        found.setdefault(part, []).append(row)
    return found


def _page(name: str) -> str:
    machine = model.load_machine(name)
    topology = machine.topology
    parts = [
        f"# {name}\n",
        escape(machine.description) + "\n",
        f"{topology.sockets} sockets, {topology.n_l3} L3 domains, {topology.n_cores} cores, "
        f"{topology.n_cpus} CPUs. What each key means: [keys of a machine](machine.md). How a number "
        "is known stands first (*read*, *derived*, *estimated*, *recalled*, *assumed*, *fitted*), then "
        "its source, then what to doubt; `default` is a number that the file leaves out.\n",
    ]
    for part, rows in _rows(machine).items():
        parts += [f"## {part}\n", table(("key", "value", "range", "where from"), rows)]
    sources = ((code(key), escape(text)) for key, text in machine.sources.items())
    return "\n".join([*parts, "## Sources\n", table(("key", "reference"), sources)])


def pages() -> dict[str, Callable[[], str]]:
    """Name of each profile -> what writes its page."""
    return {name: partial(_page, name) for name in model.names("machines")}


def index_page() -> str:
    """All profiles, and how well their numbers are known."""
    rows = []
    for name in model.names("machines"):
        machine = model.load_machine(name)
        tags = [known.tag for known in machine.provenance.values() if known.tag]
        counted = ", ".join(f"{tags.count(tag)} {tag}" for tag in sorted(set(tags)))
        link = f"[{name}](machine-{name}.md)"
        rows.append((link, str(machine.topology.n_cpus), counted, escape(machine.description)))
    names = "\n".join(f"machine-{name}" for name in model.names("machines"))
    return (
        "# Machine profiles\n\nEvery number has its source, a tag that says how it is known, and, "
        "where sources disagree, a range. `dessim show machine NAME` prints the file.\n\n"
        + table(("profile", "CPUs", "numbers by tag", "what it is"), rows)
        + f"```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    )
