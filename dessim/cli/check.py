"""`dessim check`: every order of steps in small worlds."""

from __future__ import annotations

import json
from typing import Any

import click

from dessim.cli import protocols
from dessim.cli.complete import explored
from dessim.cli.exit_codes import FAILED, OK
from dessim.cli.known import own_name, refuse_unknown
from dessim.cli.searching import EFFORT, bound_words, searching

ON_OFF = click.Choice(["on", "off"])


def _bugs_first(names: list[str]) -> list[str]:
    """Properties in the order in which their traces are worth seeing."""
    wanted = ["bug1", "bug2"]
    return sorted(names, key=lambda name: (name not in wanted, names.index(name)))


@click.command()
@click.argument("scheme", required=False, shell_complete=explored)
@click.option(
    "--actor",
    help="Who else works on the pages: invalidate, truncate, reclaim, munmap, yours, or none.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="[scheme.|actor.]KEY=VALUE",
    help="Set an option of the scheme, the actor or the protocol; repeatable.",
)
@click.option(
    "--unmap-retry",
    help="How direct I/O tries again to unmap: none, before_bug, always_bug, until_unmapped.",
)
@click.option("--walk", help="When page tables are walked: if_mapped, every_table.")
@click.option("--bug1", type=ON_OFF, help="Keep or drop the first BUG_ON.")
@click.option("--bug2", type=ON_OFF, help="Keep or drop the second BUG_ON.")
@click.option("--precheck/--no-precheck", default=None, help="Look at the page lock first.")
@click.option("--fence/--no-fence", default=None, help="Fence after raising the mapcount.")
@click.option(
    "--reference/--no-reference", default=None, help="Take references in the gang lookup."
)
@click.option(
    "--mapping-recheck/--no-mapping-recheck",
    default=None,
    help="Test again whether the page is ours.",
)
@click.option("--recheck-order", help="What the recheck reads first: flags_first, mapping_first.")
@click.option("--threads", type=int, help="Faulting threads, 1 to 3, or threads of a protocol.")
@click.option("--tables", type=click.Choice(["shared", "own"]), help="Share page tables or not.")
@click.option("--attempts", type=click.Choice(["1", "2", "repeat"]), help="Faults per thread.")
@click.option(
    "--page", type=click.Choice(["target", "neighbour"]), help="Share targets or neighbours."
)
@click.option("--pages", type=int, help="Shared pages, 1 or 2.")
@click.option(
    "--memory",
    type=click.Choice(["sc", "tso", "pso", "lkmm", "weak"]),
    callback=lambda *given: "lkmm" if given[2] == "weak" else given[2],
    help="Memory model: sequential consistency, x86, stores that pass each other, Linux' own "
    "(weak is the same).",
)
@click.option(
    "--increment", type=click.Choice(["locked", "plain"]), help="How to raise the mapcount."
)
@click.option("--lock-page", type=click.Choice(["full", "acquire"]), help="Barrier of lock_page.")
@click.option("--lookup", type=click.Choice(["whole", "split"]), help="Lookup in one step or two.")
@click.option("--property", "properties", multiple=True, help="Check only this; repeatable.")
@EFFORT
@click.option("--trace", is_flag=True, help="Print a shortest trace of every violation.")
@click.option("--replay", "schedule", help="Print and judge one schedule instead of searching.")
@click.option(
    "--engine",
    type=click.Choice(["explorer", "reference"]),
    default="explorer",
    help="Engine of --replay.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def check(ctx: click.Context, /, scheme: str | None, **given: Any) -> None:
    """Explore every order of steps of SCHEME in a small scope.

    Without SCHEME, check the core table. SCHEME may also be a protocol (a file in ./protocols, or
    one that ships with dessim), or FILE.litmus, a litmus test. Exit code 1 if something happens
    that the scheme promises never to allow, that the protocol forbids, or that contradicts a litmus
    test's claim.
    """
    from dessim.study import check as study

    if scheme is not None and scheme.lower().endswith(".litmus"):
        ctx.exit(protocols.run_litmus(scheme, given))
    scheme = scheme and own_name(scheme, ", and no FILE.litmus")
    if scheme is not None and protocols.is_protocol(scheme):
        ctx.exit(protocols.run(scheme, given))
    if scheme is not None:
        protocols.refuse_near_miss(scheme)
        refuse_unknown("scheme", scheme)
    if given["actor"] not in (None, study.NOBODY):
        refuse_unknown("actor", given["actor"])
    scope = _scope(scheme, given)
    properties = _properties(given["properties"], bool(scheme))
    if given["schedule"] is not None:
        if scope is None:
            raise study.CheckError("--replay needs a SCHEME and the scope of the schedule")
        ctx.exit(_replay(scope, given))
    if given["engine"] != "explorer":
        raise study.CheckError(f"--engine {given['engine']} cannot explore: it needs --replay")
    bound = given["max_states"] or study.DEFAULT_BOUND
    left_out: dict[str, str] = {}
    with searching(given) as effort:
        if scope is None:
            found, left_out = study.explore_core(properties, bound, effort)
        else:
            found = [study.check(scope, properties, bound, effort=effort)]
    _print(found, given, single=scope is not None)
    for name, why in left_out.items():
        click.echo(f"left out: {name} cannot be used: {why}", err=True)
    verdicts = [verdict for one in found for verdict in one.verdicts]
    unknown = [one for one in found if any(v.verdict == "unknown" for v in one.verdicts)]
    if unknown:
        why = "; ".join(dict.fromkeys(bound_words(one.exploration) for one in unknown))
        click.echo(
            f"not everything was tried: {why}. 'unknown' is not 'never': make the scope smaller,"
            f" raise --max-states or --max-memory, or choose another --memory",
            err=True,
        )
    for verdict in verdicts:
        if verdict.broken:
            click.echo(
                f"{verdict.scope.scheme} promises that {verdict.name} never happens, but it"
                f" happens in {verdict.steps} steps",
                err=True,
            )
    if any(verdict.broken for verdict in verdicts):
        ctx.exit(FAILED)


SCOPE_OPTIONS = ("threads", "tables", "page", "pages", "memory")
FLAGS_OF = {
    "scheme": ("precheck", "fence", "reference", "mapping_recheck", "recheck_order"),
    "actor": ("unmap_retry", "walk", "bug1", "bug2"),
}
"""Flags that are short for `--set scheme.KEY=VALUE` and `--set actor.KEY=VALUE`."""
RULES = {
    "increment": ("plain", "plain_increment"),
    "lock_page": ("acquire", "acquire_only"),
    "lookup": ("split", "split_lookup"),
}
"""Flags -> the value that sets a field of a scope, and the field."""


def _scope(scheme: str | None, given: dict[str, Any]) -> Any:
    """The scope that was asked for; None for the core table."""
    from dessim import registry
    from dessim.study import check as study

    if scheme is None:
        names = ("actor", *FLAGS_OF["actor"], *SCOPE_OPTIONS, "attempts", *RULES)
        for name in (*names, *FLAGS_OF["scheme"], "settings"):
            if given[name] not in (None, ()):
                flag = "set" if name == "settings" else name.replace("_", "-")
                there = ", ".join(registry.names())
                raise study.CheckError(f"--{flag} needs a SCHEME: one of {there}")
        return None
    changes = {name: given[name] for name in SCOPE_OPTIONS if given[name] is not None}
    if given["attempts"]:
        attempts = given["attempts"]
        changes["attempts"] = attempts if attempts == "repeat" else int(attempts)
    for name, (value, field) in RULES.items():
        if given[name] == value:
            changes[field] = True
    scope = study.Scope(scheme, **changes)
    settings = _settings(given["settings"])
    found = registry.load(scheme)
    scope = scope.with_scheme(**_options(found, settings["scheme"], _flags("scheme", given)))
    actor = study.short_name(given["actor"] or scope.actor)
    worker = study.actor_of(actor)
    flags = _flags("actor", given)
    for name in _not_for(worker, flags):
        raise study.CheckError(f"{_whose(name)}, not {actor}")
    if worker is None:
        for key in settings["actor"]:
            raise study.CheckError(f"--set actor.{key} needs an actor, and --actor is none")
        scope = scope.against(actor)
    else:
        kept = {key: value for key, value in flags.items() if key in worker.options}
        scope = scope.against(actor, **_options(worker, settings["actor"], kept))
    study.refuse_nonsense(scope)
    return scope


def _flags(part: str, given: dict[str, Any]) -> dict[str, Any]:
    """Options of the scheme or of the actor that have flags of their own."""
    words = {"on": True, "off": False}
    chosen = {name: given[name] for name in FLAGS_OF[part] if given[name] is not None}
    return {
        name: words[value] if name in ("bug1", "bug2") else value for name, value in chosen.items()
    }


def _not_for(worker: Any, flags: dict[str, Any]) -> list[str]:
    """Flags for which an actor has no option, except those that say what is so anyway."""
    from dessim.study.check.scope import INVALIDATE

    has = worker.options if worker else {}
    return [name for name, value in flags.items() if name not in has and value != INVALIDATE[name]]


def _whose(option: str) -> str:
    """Whose an option of an actor is, as the beginning of a sentence."""
    from dessim.study import check as study

    every = {name: study.actor_of(name) for name in study.shipped_actors()}
    having = [name for name, one in every.items() if one and option in one.options]
    return f"--{option.replace('_', '-')} is for --actor {' or '.join(having)}"


def _settings(texts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """What `--set` says: scheme or actor -> option -> value, as text."""
    from dessim.study import check as study

    settings: dict[str, dict[str, str]] = {"scheme": {}, "actor": {}}
    for text in texts:
        place, equals, value = text.partition("=")
        part, dot, key = place.strip().partition(".")
        if part not in settings or not dot or not key or not equals:
            raise study.CheckError(
                f"--set {text}: expected scheme.KEY=VALUE or actor.KEY=VALUE, as in"
                " scheme.fence=off; threads and pages have their own flags"
            )
        if key in settings[part]:
            raise study.CheckError(f"--set {place.strip()} is given twice")
        settings[part][key] = value.strip()
    return settings


def _options(one: Any, settings: dict[str, str], flags: dict[str, Any]) -> dict[str, Any]:
    """Options of a scheme or an actor, of `--set` and of flags."""
    from dessim import registry
    from dessim.study import check as study

    for name in settings.keys() & flags.keys():
        raise study.CheckError(f"option {name!r} is set by --{name.replace('_', '-')} and by --set")
    read = {key: registry.read_option(one, key, text) for key, text in settings.items()}
    chosen = {**flags, **read}
    registry.options_of(one, chosen)
    return chosen


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
    silent = _without_promises(found)
    if silent:
        click.echo(f"\n{text.silent_text(silent)}", nl=False)
    for one in found:
        violated = {v.name: v for v in one.verdicts if v.verdict == "sometimes"}
        order = _bugs_first(list(violated))
        for name in order if given["trace"] else order[:1] if single else []:
            _print_trace(one, violated[name], single)
        if order and single and not given["trace"] and len(order) > 1:
            click.echo("\n--trace shows the others.")


def _without_promises(found: list[Any]) -> list[str]:
    """Your own schemes that promise nothing: what was found of them is not judged."""
    from dessim import registry

    loaded = [registry.load(name) for name in dict.fromkeys(one.scope.scheme for one in found)]
    return [scheme.name for scheme in loaded if scheme.file and not scheme.promises]


def _print_trace(one: Any, verdict: Any, single: bool) -> None:
    """Print a trace, with its scope where there are many."""
    from dessim.report.text import check as text
    from dessim.report.text import columns
    from dessim.study import check as study

    lines = study.story(one.exploration.small, verdict.schedule)
    scope = "" if single else f" {text.scope_words(verdict.row())}"
    click.echo("\n" + columns.wrapped(f"{verdict.name} in {verdict.steps} steps:{scope}"))
    click.echo(columns.trace_text(lines, study.task_names(one.scope), verdict.circle), nl=False)
    click.echo(f"replay: {verdict.schedule}")


def _replay(scope: Any, given: dict[str, Any]) -> int:
    """Replay a schedule; return the exit code."""
    from dessim import registry
    from dessim.report.text import columns
    from dessim.study import check as study

    small = study.small_world_of(scope)
    lines = study.story(small, given["schedule"])
    wrong = [name for line in lines for name in line.wrong]
    if given["engine"] == "reference":
        study.replay_on_reference(small, given["schedule"])
    if given["form"] == "json":
        rows = [{"task": line.task, "text": line.text, "wrong": line.wrong} for line in lines]
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(columns.trace_text(lines, study.task_names(scope)), nl=False)
        click.echo(f"violated: {', '.join(wrong) or 'nothing'}")
    promises = registry.load(scope.scheme).promises
    return FAILED if any(name in promises for name in wrong) else OK
