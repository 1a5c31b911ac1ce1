"""`dessim check` for protocols, of `./protocols` or shipped, and for litmus tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dessim.cli.exit_codes import FAILED, OK
from dessim.cli.searching import bound_words, searching

OF_SCHEMES = (
    *("actor", "tables", "page", "pages", "attempts", "increment", "lock_page", "lookup"),
    *("unmap_retry", "walk", "bug1", "bug2", "precheck", "fence", "reference"),
    *("mapping_recheck", "recheck_order"),
)
"""Flags of `check` that only schemes have."""


def is_protocol(name: str) -> bool:
    """Return whether a name is that of a protocol, usable or not, and not of a scheme."""
    from dessim import registry

    return any(one.name == name for one in registry.listed("protocol"))


def refuse_near_miss(name: str) -> None:
    """Refuse a name that is nobody's, and nearly a protocol's: schemes say so themselves."""
    from difflib import get_close_matches

    from dessim import registry
    from dessim.study import check as study

    schemes, own = [*registry.names(), *registry.columns()], registry.protocol_names()
    near = get_close_matches(name, [*schemes, *own], 1)
    if name not in schemes and near and near[0] in own:
        raise study.CheckError(
            f"unknown scheme or protocol {name!r}; did you mean {near[0]!r}? `dessim list"
            " protocols` lists them"
        )


def run(name: str, given: Mapping[str, Any]) -> int:
    """Explore a protocol, or replay a schedule of it; return the exit code."""
    from dessim.study import check as study

    for flag in OF_SCHEMES:
        if given[flag] is not None:
            raise study.CheckError(
                f"--{flag.replace('_', '-')} is for schemes, but {name} is a protocol: set its"
                f" options with --set KEY=VALUE ({_options_text(name)})"
            )
    if given["engine"] != "explorer":
        raise study.CheckError("--engine reference replays schemes: a protocol has no times")
    scope = study.protocol_scope(name, _options(name, given), given["memory"] or "sc")
    if given["schedule"] is not None:
        return _replay(scope, given)
    bound = given["max_states"] or study.DEFAULT_BOUND
    with searching(given) as effort:
        properties = tuple(dict.fromkeys(given["properties"]))
        found = study.check_protocol(scope, properties, bound, effort=effort)
    _print(found, given)
    if any(one.verdict == "unknown" for one in found.verdicts):
        click.echo(
            f"not everything was tried: {bound_words(found.exploration)}. 'unknown' is not"
            f" 'never': make the protocol smaller, raise --max-states or --max-memory, or choose"
            f" another --memory",
            err=True,
        )
    if not found.exploration.shortest:
        click.echo(
            "a shorter trace may exist: this one comes from --reduce, and the search without it"
            " hit the limit",
            err=True,
        )
    return FAILED if any(one.verdict == "sometimes" for one in found.verdicts) else OK


def _options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `--set` and `--threads`."""
    from dessim import registry
    from dessim.study import check as study

    one = registry.load_protocol(name)
    chosen: dict[str, Any] = {}
    for text in given["settings"]:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not key or not equals:
            raise study.CheckError(f"--set {text}: expected KEY=VALUE ({_options_text(name)})")
        if key in chosen:
            raise study.CheckError(f"--set {key} is given twice")
        chosen[key] = registry.read_option(one, key, value)
    if given["threads"] is not None:
        if "threads" not in one.options:
            raise study.CheckError(f"{name} has no option 'threads' ({_options_text(name)})")
        if "threads" in chosen:
            raise study.CheckError("threads is set by --threads and by --set")
        chosen["threads"] = given["threads"]
    return chosen


def _options_text(name: str) -> str:
    from dessim import registry

    one = registry.load_protocol(name)
    words = {True: "on", False: "off"}
    said = [
        f"{key}: {', '.join(one.choices[key])}"
        if key in one.choices
        else f"{key}: {words[value] if isinstance(value, bool) else value}"
        for key, value in one.options.items()
    ]
    return "; ".join(said) or "it has none"


def _print(found: Any, given: Mapping[str, Any]) -> None:
    from dessim.report.text import check as text

    rows = [one.row() for one in found.verdicts]
    if given["form"] == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    click.echo(text.protocol_text(rows), nl=False)
    violated = [one for one in found.verdicts if one.verdict == "sometimes"]
    for one in violated if given["trace"] else violated[:1]:
        _print_trace(found, one)
    if len(violated) > 1 and not given["trace"]:
        click.echo("\n--trace shows the others.")


def _print_trace(found: Any, one: Any) -> None:
    from dessim.report.text import columns
    from dessim.study import check as study

    small = found.exploration.small
    click.echo(f"\n{one.name} in {one.steps} steps:")
    click.echo(columns.story_text(study.story(small, one.schedule), small.titles), nl=False)
    if one.name == study.ASLEEP:
        click.echo("      no task can move, and not all have ended")
    click.echo(f"replay: {one.schedule}")


def _replay(scope: Any, given: Mapping[str, Any]) -> int:
    """Replay a schedule of a protocol; return the exit code."""
    from dessim.study import check as study

    return _replay_in(study.protocol_small_world(scope), given, fails=True)


def _replay_in(small: Any, given: Mapping[str, Any], *, fails: bool) -> int:
    """Replay a schedule; return the exit code: ``fails`` if a violated property is a failure."""
    from dessim.report.text import columns
    from dessim.study import check as study

    lines = study.story(small, given["schedule"])
    wrong = [name for line in lines for name in line.wrong]
    if given["form"] == "json":
        rows = [
            {"actor": small.titles[line.task], "text": line.text, "wrong": line.wrong}
            for line in lines
        ]
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(columns.story_text(lines, small.titles), nl=False)
        click.echo(f"violated: {', '.join(wrong) or 'nothing'}" if fails else "replayed")
    return FAILED if wrong and fails else OK


def run_litmus(name: str, given: Mapping[str, Any]) -> int:
    """Explore a litmus test, or replay a schedule of it; return the exit code."""
    from dessim.study import check as study

    for flag in (*OF_SCHEMES, "threads"):
        if given[flag] is not None:
            raise study.CheckError(f"--{flag.replace('_', '-')} does not apply to litmus tests")
    for flag in ("settings", "properties"):
        if given[flag]:
            shown = {"settings": "set", "properties": "property"}[flag]
            raise study.CheckError(f"--{shown} does not apply to litmus tests")
    if given["engine"] != "explorer":
        raise study.CheckError("--engine reference replays schemes: a litmus test has no times")
    memory = given["memory"] or "lkmm"
    if given["schedule"] is not None:
        test = study.read_litmus(Path(name))
        return _replay_in(study.litmus_small_world(test, memory), given, fails=False)
    bound = given["max_states"] or study.DEFAULT_BOUND
    with searching(given) as effort:
        found = study.check_litmus(Path(name), memory, bound, effort)
    if given["form"] == "json":
        click.echo(json.dumps(found.row(), indent=1))
    else:
        _print_litmus(found)
    if found.result == "Unknown":
        why = bound_words(found.exploration)
        click.echo(f"not everything was tried: {why}. 'Unknown' is not 'Never'", err=True)
    wrong = found.agrees is False
    if wrong:
        documented = found.test.result
        click.echo(f"{name} says Result: {documented}, but it is {found.result}", err=True)
    broken = found.test.quantifier != "exists" and found.holds is False
    return FAILED if wrong or broken else OK


def _print_litmus(found: Any) -> None:
    from dessim.report.text import columns
    from dessim.study import check as study

    states = f"{found.exploration.states:,} states"
    click.echo(f"{found.test.name}: {found.result} (memory {found.memory}, {states})")
    click.echo(found.test.condition)
    if found.schedule:
        small = found.exploration.small
        met = "where it is not so" if found.test.quantifier == "forall" else "where it is so"
        click.echo(f"\na shortest way to an end {met}:")
        lines = study.story(small, found.schedule)
        plain = [type(line)(line.task, line.text) for line in lines]
        click.echo(columns.story_text(plain, small.titles), nl=False)
        click.echo(f"replay: {found.schedule}")
