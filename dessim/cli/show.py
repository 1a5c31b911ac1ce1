"""`dessim list`, `show` and `schema`: what there is and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from dessim.cli.complete import names_of_kind
from dessim.cli.known import SHOWN, WORDS, own_name, refuse_unknown, versions
from dessim.cli.programs import as_data, as_text
from dessim.files.reading import read_text

if TYPE_CHECKING:
    from dessim.model import Machine

SINGULAR = {
    "machine": "machines",
    "workload": "workloads",
    "scheme": "schemes",
    "actor": "actors",
    "protocol": "protocols",
    "experiment": "experiments",
    "figure": "figures",
}
KINDS = (
    *("machines", "workloads", "schemes", "actors", "protocols"),
    *("experiments", "published", "figures"),
)
DEFINING = {**{f"{kind}s": word for kind, word in WORDS.items()}, "protocols": "protocol"}
"""Kinds that are Python files -> the word that such a file defines."""
UNUSABLE = "cannot be used:"

FORM = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


class KindOfThing(click.Choice[str]):
    """A kind of things, in the plural or the singular."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the kind in the plural."""
        return super().convert(SINGULAR.get(value, value), param, ctx)


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]", type=KindOfThing(KINDS))
@FORM
def list_command(kind: str | None, form: str) -> None:
    """List machines, workloads, schemes and other names.

    KIND is machines, workloads, schemes, actors, protocols, experiments, published or figures.
    Machines and schemes that have been compared with measurements say with which; a scheme of
    several versions of Linux names them. `dessim show` shows more of a machine, workload, scheme,
    actor or experiment.
    """
    if form == "json":
        found = {one: _as_data(one) for one in ([kind] if kind else KINDS)}
        click.echo(json.dumps(found[kind] if kind else found, indent=1, ensure_ascii=False))
        return
    for index, one in enumerate([kind] if kind else KINDS):
        if kind is None:
            single = one.removesuffix("s")
            more = f"  (more: `dessim show {single} NAME`)" if single in SHOWN else ""
            click.echo(("\n" if index else "") + f"{one}:{more}")
        _echo_list(one, indent="" if kind else "  ")


def _echo_list(kind: str, *, indent: str) -> None:
    """Print a line for each name of a kind, and below it what it has been compared with."""
    from dessim.model.held_against import KINDS as HELD
    from dessim.report.text.hanging import hanging

    entries, columns = _entries(kind), versions() if kind == "schemes" else {}
    width = max((len(name) for name, _ in entries), default=0)
    below = " " * (len(indent) + width + 2)
    for name, text in entries:
        summary = text if text.startswith(UNUSABLE) else _first_sentence(text)
        click.echo(hanging(f"{indent}{name:<{width}}  ", summary))
        if name in columns:
            click.echo(hanging(below, f"versions: {', '.join(columns[name])}"))
        if name in HELD.get(kind, {}):
            click.echo(hanging(below, f"compared with {HELD[kind][name]}"))


def _as_data(kind: str) -> list[dict[str, Any]]:
    """All names of a kind with what is known of them."""
    from dessim.model.held_against import KINDS as HELD

    found, columns = [], versions() if kind == "schemes" else {}
    for name, text in _entries(kind):
        entry: dict[str, Any] = {"name": name, "description": " ".join(text.split())}
        if name in columns:
            entry["versions"] = columns[name]
        if kind in HELD:
            entry["compared_with"] = HELD[kind].get(name)
        found.append(entry)
    return found


def _entries(kind: str) -> list[tuple[str, str]]:
    """Names of a kind with their descriptions; a file that cannot be read says so."""
    from dessim.errors import UserError

    if kind in DEFINING:
        return _programs(kind)
    known, describe = _registry(kind)
    entries = []
    for name in known:
        try:
            entries.append((name, describe(name)))
        except UserError as error:
            entries.append((name, f"{UNUSABLE} {str(error).partition(chr(10))[0]}"))
    return entries


def _programs(kind: str) -> list[tuple[str, str]]:
    """Schemes, actors or protocols with descriptions, or why a file cannot be used. None is run."""
    from dessim import registry

    entries = []
    for one in registry.listed(DEFINING[kind]):
        text = one.description
        if kind != "protocols":
            text = text.partition(": ")[2]
        entries.append((one.name, f"{UNUSABLE} {one.problem}" if one.problem else text))
    return entries


def _registry(kind: str) -> tuple[list[str], Callable[[str], str]]:
    if kind == "figures":
        from dessim.report.paper import figures as paper

        return paper.names(), paper.title_of
    from dessim.model.locate import names
    from dessim.model.summary import description_of

    return names(kind), partial(description_of, kind)  # type: ignore[arg-type]


def _first_sentence(text: str) -> str:
    words = " ".join(text.split())
    end = re.search(r"[\w)]{2}\. ", words)  # not after an initial
    words = words if end is None else words[: end.end() - 1]
    return words if len(words) <= 100 else words[:97].rsplit(" ", 1)[0] + " …"


@click.command()
@click.argument("kind", type=click.Choice(SHOWN))
@click.argument("name", shell_complete=names_of_kind)
@click.option("--resolved", is_flag=True, help="Fill in every default; expand lists.")
@FORM
def show(kind: str, name: str, resolved: bool, form: str) -> None:
    """Show a machine, workload, scheme, actor or experiment."""
    name = own_name(name) if kind in WORDS else name
    refuse_unknown(kind, name)
    if form == "json":
        click.echo(_json_text(kind, name))
    elif kind in WORDS:
        click.echo(as_text(kind, name), nl=False)
    elif resolved:
        click.echo(_resolved_text(kind, name), nl=False)
    else:
        click.echo(_written_text(kind, name), nl=False)


def _json_text(kind: str, name: str) -> str:
    """The same with every default filled in, for programs."""
    import yaml

    if kind in WORDS:
        found = as_data(kind, name)
    else:
        found = yaml.safe_load(_resolved_text(kind, name))
    return json.dumps(found, indent=1, ensure_ascii=False)


def _written_text(kind: str, name: str) -> str:
    """The file as it was written, after a check that it can be used."""
    from dessim import model

    load: dict[str, Callable[[str], Any]] = {
        "machine": model.load_machine,
        "workload": model.load_workload,
        "experiment": model.load_experiment,
    }
    loaded = load[kind](name)
    kinds = f"{kind}s"
    text = read_text(model.find(kinds, name))  # type: ignore[arg-type]
    if not isinstance(loaded, model.Machine):
        return text
    return text + _origins_text(loaded) + _defaults_text(loaded)


def _origins_text(machine: Machine) -> str:
    """Where each value of a machine with a base comes from, as comments."""
    from dessim.model.machine import values_of
    from dessim.model.units import shorten

    named = dict.fromkeys(machine.origins.values())  # the lowest base first
    bases = [name for name in reversed(named) if name != machine.name]
    if not bases:
        return ""
    words = {name: f"base {n}" if len(bases) > 1 else "base" for n, name in enumerate(bases, 1)}
    legend = [f"{word}: {name}" for name, word in words.items()]
    words[machine.name] = "file"
    rows = [("value", "is", "tag", "from")]
    for path, value in values_of(machine):
        known = machine.provenance.get(path)
        origin = words.get(machine.origins.get(path, ""), "default")
        rows.append((path, shorten(value, 12), (known and known.tag) or "-", origin))
    a, b, c = (max(len(row[column]) for row in rows) for column in range(3))
    table = [f"{row[0]:<{a}}  {row[1]:<{b}}  {row[2]:<{c}}  {row[3]}" for row in rows]
    lines = ["\n# Where each value comes from:", *(f"#   {line}" for line in (*legend, *table))]
    return "\n".join(lines) + "\n"


def _defaults_text(machine: Machine) -> str:
    """Numbers that a profile leaves to dessim, as comments: the text stays a profile."""
    from dessim.model.fields import unit_of
    from dessim.model.machine import left_out
    from dessim.model.vary import field_of, value_at

    lines = []
    for path, origin in left_out(machine).items():
        unit = unit_of(field_of(type(machine), path))
        assert unit is not None, path
        words = [f"value: {unit.write(value_at(machine, path))}"]
        if origin.low is not None and origin.high is not None:
            words.append(f"range: [{unit.write(origin.low)}, {unit.write(origin.high)}]")
        words.append(f"tag: {origin.tag}")
        for key, text in (("source", origin.source), ("note", origin.note)):
            words.append(f"{key}: {json.dumps(text, ensure_ascii=False)}")
        lines.append(f"#   {path}: {{{', '.join(words)}}}\n")
    head = "\n# Not in the profile, hence the defaults of dessim:\n"
    return head + "".join(lines) if lines else ""


def _resolved_text(kind: str, name: str) -> str:
    import yaml

    from dessim import model
    from dessim.model.fields import yaml_form

    data: Any
    defaults = ""
    if kind == "machine":
        machine = model.load_machine(name)
        data, defaults = yaml_form(machine), _defaults_text(machine)
    elif kind == "workload":
        data = yaml_form(model.load_workload(name))
    else:
        data = [point.resolved() for point in model.resolve(model.load_experiment(name))]
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return text + defaults


@click.command()
@click.argument("kind", type=click.Choice(["experiment", "machine", "workload"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of a kind of YAML file, for editors."""
    from dessim.model import json_schema

    click.echo(json.dumps(json_schema(kind), indent=1, ensure_ascii=False))  # type: ignore[arg-type]
