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


def _page(name: str) -> str:
    machine = model.load_machine(name)
    rows = []
    for path, value, unit in _numbers(machine):
        if path.startswith("calibration"):
            continue
        known = machine.provenance.get(path)
        tag = source = note = span = ""
        if known is not None:
            tag, source, note = known.tag or "", known.source or "", known.note or ""
            if known.low is not None and known.high is not None:
                span = f"{_written(known.low, unit)} to {_written(known.high, unit)}"
        shown = code(_written(value, unit))
        rows.append((code(path), shown, escape(span), escape(tag), escape(source), escape(note)))
    topology = machine.topology
    counts = (
        f"{topology.sockets} sockets, {topology.n_cores} cores, {topology.n_cpus} CPUs, "
        f"{topology.n_l3} L3 domains."
    )
    return "\n".join(
        [
            f"# {name}\n",
            escape(machine.description) + "\n",
            counts + "\n",
            "## Numbers\n",
            "A number without a tag is the default of its key ([keys of a machine](machine.md)).\n",
            table(("key", "value", "range", "tag", "source", "note"), rows),
            "## Sources\n",
            table(
                ("key", "reference"),
                ((code(key), escape(text)) for key, text in machine.sources.items()),
            ),
        ]
    )


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
