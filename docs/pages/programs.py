"""Schemes, actors and the words that they are written in."""

import inspect
from types import ModuleType

from dessim import registry
from dessim.kernel import alphabet, cost_table
from dessim.kernel import layout as lay
from dessim.kernel.flags import FLAGS

from .markdown import block, code, escape, prose, table


def _options(one: registry.Scheme | registry.Actor) -> str:
    if not one.options:
        return "No options.\n"
    rows = [
        (
            code(key),
            code(str(value).lower()),
            _values(one, key),
        )
        for key, value in one.options.items()
    ]
    return table(("option", "default", "values"), rows)


def _values(one: registry.Scheme | registry.Actor, key: str) -> str:
    if key in one.bounds:
        return "{} to {}".format(*one.bounds[key])
    return ", ".join(map(code, one.choices.get(key, ()))) or type(one.options[key]).__name__


def _listing(lines: tuple[str, ...] | list[str]) -> str:
    return block("\n".join(f"{i:>4}  {line}" for i, line in enumerate(lines)))


def schemes_page() -> str:
    """Every scheme and actor: where it comes from, its options, and the steps of its program."""
    parts = [
        "# Schemes and actors\n",
        "Side by side and in words: [Schemes](../schemes.md). A listing is the program as it is laid out, "
        "with the frame that is the same for all schemes; most lines are [words](words.md), and numbers "
        "behind an arrow are places to go to.\n",
    ]
    for name in registry.names():
        scheme = registry.load(name)
        program = registry.thread_program(scheme, {}, 4)
        parts += [f"## {name}\n", prose(scheme.description), _options(scheme)]
        parts.append(f"Promises: {', '.join(map(code, scheme.promises)) or 'none'}.\n")
        parts.append(f"A fault holds `{scheme.fault_lock}`. Program of a thread:\n")
        parts.append(_listing(program.listing))
    for name in registry.actor_names():
        actor = registry.load_actor(name)
        parts += [f"## {name} (actor)\n", prose(actor.description), _options(actor)]
        parts += ["One round:\n", _listing(registry.program_of_actor(actor, {}).listing)]
    return "\n".join(parts)


def words(module: ModuleType = alphabet) -> dict[str, str]:
    """Every word of the alphabet with its signature -> its docstring."""
    found = {}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        signature = inspect.signature(function)
        if name.startswith("_") or signature.return_annotation is not alphabet.Step:
            continue
        bare = [
            p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()
        ]
        shown = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
        found[f"{name}{shown}"] = inspect.getdoc(function) or ""
    return found


def words_page() -> str:
    """The alphabet: steps, and the names that may stand in them."""
    names = {
        "Locks": alphabet.LOCKS,
        "Words of a page": alphabet.WORDS,
        "Conditions": alphabet.OTHER_CONDITIONS,
        "Flags of a page, which a condition joins by `_`, as in `page.unlocked_uptodate`": [
            word for flag in FLAGS for word in (flag.name, flag.opposite)
        ],
        "Costs": [cost for cost in cost_table.COSTS if cost != "none"],
        "Counters": lay.COUNTERS,
    }
    rows = [(code(shown), escape(text)) for shown, text in words().items()]
    parts = [
        "# Words of a scheme\n",
        "All of `dessim.kernel.alphabet`. What each costs is in [Schemes](../schemes.md#words) and [the machine "
        "model](../machine.md).\n",
        table(("word", "meaning"), rows),
    ]
    for title, known in names.items():
        parts += [f"## {title}\n", ", ".join(map(code, known)) + ".\n"]
    return "\n".join(parts)
