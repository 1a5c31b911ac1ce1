"""`dessim check`: every order of steps in small worlds."""

from __future__ import annotations

import json
from typing import Any

import click

from dessim.cli.exit_codes import FAILED, OK

ON_OFF = click.Choice(["on", "off"])


def _bugs_first(names: list[str]) -> list[str]:
    """Properties in the order in which their traces are worth seeing."""
    wanted = ["bug1", "bug2"]
    return sorted(names, key=lambda name: (name not in wanted, names.index(name)))


@click.command()
@click.argument("scheme", required=False)
@click.option(
    "--actor", help="Who else works on the pages: invalidate, truncate, reclaim, munmap, none."
)
@click.option("--unmap-retry", help="none, before_bug, always_bug, until_unmapped.")
@click.option("--walk", help="if_mapped, every_table.")
@click.option("--bug1", type=ON_OFF, help="Whether the first BUG_ON is there.")
@click.option("--bug2", type=ON_OFF, help="Whether the second BUG_ON is there.")
@click.option("--precheck/--no-precheck", default=None, help="Look at the page lock first.")
@click.option("--fence/--no-fence", default=None, help="Fence behind the raised mapcount.")
@click.option("--reference/--no-reference", default=None, help="References in the gang lookup.")
@click.option("--mapping-recheck/--no-mapping-recheck", default=None, help="Is it still ours?")
@click.option("--recheck-order", help="flags_first, mapping_first.")
@click.option("--threads", type=int, help="Faulting threads, 1 to 3.")
@click.option("--tables", type=click.Choice(["shared", "own"]), help="Page tables.")
@click.option("--attempts", type=click.Choice(["1", "2", "repeat"]), help="Faults of a thread.")
@click.option("--page", type=click.Choice(["target", "neighbour"]), help="What the pages are.")
@click.option("--pages", type=int, help="Pages in common, 1 or 2.")
@click.option("--memory", type=click.Choice(["sc", "tso", "weak"]), help="Memory model.")
@click.option("--increment", type=click.Choice(["locked", "plain"]), help="How mapcount is raised.")
@click.option("--lock-page", type=click.Choice(["full", "acquire"]), help="Barrier of lock_page.")
@click.option("--lookup", type=click.Choice(["whole", "split"]), help="Lookup in one step or two.")
@click.option("--property", "properties", multiple=True, help="Only these; may be repeated.")
@click.option("--max-states", type=click.IntRange(1), help="Most states; default 5,000,000.")
@click.option("--trace", is_flag=True, help="Print the shortest trace of all that was found.")
@click.option("--replay", "schedule", help="Print and judge one schedule instead of searching.")
@click.option(
    "--engine",
    type=click.Choice(["explorer", "reference"]),
    default="explorer",
    help="Who replays.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def check(ctx: click.Context, /, scheme: str | None, **given: Any) -> None:
    """Explore every order of steps of SCHEME in a small scope; without SCHEME, the core table.

    Exit code 1 if something happens that the scheme promises never to happen.
    """
    from dessim.study import check as study

    scopes = _scopes(scheme, given)
    properties = _properties(given["properties"], bool(scheme))
    if given["schedule"] is not None:
        if scheme is None:
            raise study.CheckError("--replay needs a SCHEME and the scope of the schedule")
        ctx.exit(_replay(scopes[0], given))
    if given["engine"] != "explorer":
        raise study.CheckError(f"--engine {given['engine']} needs --replay: it does not explore")
    bound = given["max_states"] or study.DEFAULT_BOUND
    found = [study.check(scope, properties, bound) for scope in scopes]
    _print(found, given, single=scheme is not None)
    verdicts = [verdict for one in found for verdict in one.verdicts]
    if any(verdict.verdict == "unknown" for verdict in verdicts):
        click.echo(
            f"the bound was hit ({bound:,} states, or a store buffer): 'unknown' is not 'never';"
            " raise --max-states or make the scope smaller",
            err=True,
        )
    for verdict in verdicts:
        if verdict.broken:
            click.echo(
                f"{verdict.scope.scheme} promises that {verdict.name} never"
                f" happens, and it does in {verdict.steps} steps",
                err=True,
            )
    if any(verdict.broken for verdict in verdicts):
        ctx.exit(FAILED)


SCHEME_OPTIONS = ("precheck", "fence", "reference", "mapping_recheck", "recheck_order")
SCOPE_OPTIONS = ("actor", "unmap_retry", "walk", "threads", "tables", "page", "pages", "memory")


def _scopes(scheme: str | None, given: dict[str, Any]) -> list[Any]:
    """The scopes that were asked for."""
    from dessim import registry
    from dessim.study import check as study

    changes = {name: given[name] for name in SCOPE_OPTIONS if given[name] is not None}
    for name in ("bug1", "bug2"):
        if given[name]:
            changes[name] = given[name] == "on"
    if given["attempts"]:
        attempts = given["attempts"]
        changes["attempts"] = attempts if attempts == "repeat" else int(attempts)
    flags = {"increment": "plain", "lock_page": "acquire", "lookup": "split"}
    fields = {"increment": "plain_increment", "lock_page": "acquire_only", "lookup": "split_lookup"}
    changes |= {fields[name]: True for name, value in flags.items() if given[name] == value}
    options = {name: given[name] for name in SCHEME_OPTIONS if given[name] is not None}
    if scheme is None:
        if changes or options:
            first = next(iter({**changes, **options})).replace("_", "-")
            raise study.CheckError(
                f"--{first} needs a SCHEME: one of {', '.join(registry.names())}"
            )
        return study.core_scopes()
    registry.options_of(registry.load(scheme), options)
    scope = study.with_options(study.Scope(scheme, **changes), options)
    study.refuse_nonsense(scope)
    return [scope]


def _properties(asked: tuple[str, ...], single: bool) -> tuple[str, ...]:
    from dessim.study import check as study

    known = study.property_names()
    for name in asked:
        if name not in known:
            raise study.CheckError(f"unknown property {name!r}: there are {', '.join(known)}")
    if asked:
        return tuple(dict.fromkeys(asked))
    return known if single else ("bug1", "bug2")


def _print(found: list[Any], given: dict[str, Any], single: bool) -> None:
    """Print verdicts, and traces where they are asked for or there is one scope."""
    from dessim.report.text import check as text

    rows = [[verdict.row() for verdict in one.verdicts] for one in found]
    if given["form"] == "json":
        click.echo(json.dumps([row for some in rows for row in some], indent=1))
        return
    click.echo(text.properties_text(rows[0]) if single else text.table_text(rows), nl=False)
    for one in found:
        violated = {v.name: v for v in one.verdicts if v.verdict == "sometimes"}
        order = _bugs_first(list(violated))
        for name in order if given["trace"] else order[:1] if single else []:
            _print_trace(one, violated[name])
        if order and single and not given["trace"] and len(order) > 1:
            click.echo("\n--trace shows the others.")


def _print_trace(one: Any, verdict: Any) -> None:
    from dessim.report.text import check as text
    from dessim.study import check as study

    lines = study.told(one.exploration.small, verdict.schedule)
    click.echo(f"\n{verdict.name} in {verdict.steps} steps: {text.scope_words(verdict.row())}")
    click.echo(text.trace_text(lines, study.task_names(one.scope), verdict.circle), nl=False)
    click.echo(f"replay: {verdict.schedule}")


def _replay(scope: Any, given: dict[str, Any]) -> int:
    """Replay a schedule; return the exit code."""
    from dessim import registry
    from dessim.report.text import check as text
    from dessim.study import check as study

    small = study.small_world_of(scope)
    lines = study.told(small, given["schedule"])
    wrong = [name for line in lines for name in line.wrong]
    if given["engine"] == "reference":
        study.replay_on_reference(small, given["schedule"])
    if given["form"] == "json":
        told = [{"task": line.task, "text": line.text, "wrong": line.wrong} for line in lines]
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo(text.trace_text(lines, study.task_names(scope)), nl=False)
        click.echo(f"violated: {', '.join(wrong) or 'nothing'}")
    promises = registry.load(scope.scheme).promises
    return FAILED if any(name in promises for name in wrong) else OK
