"""The whole table: schemes x invalidations x threads x memory models, each in every order of steps.

``python experiments/every_order/study.py`` writes ``verdicts.csv``, ``table.md`` and
``truncation.md`` next to itself in some ten minutes of processor time; ``--check`` compares with
what is there instead.
``docs/thread-2014.md`` says what it means.
"""

import argparse
import csv
import io
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from dessim import registry
from dessim.study.check import Scope, check, property_names, refuse_nonsense

HERE = Path(__file__).parent
LOCKLESS = "gang_lookup_mapcount"
RETRIES = ("none", "before_bug", "always_bug", "until_unmapped")
WALKS = ("if_mapped", "every_table")
UNMAPPINGS = [pair for pair in product(RETRIES, WALKS) if pair != ("until_unmapped", "every_table")]
"""Ways to unmap; of the pair left out, the first leaves nothing for the second to do."""
MEMORY = ("sc", "tso", "lkmm")
CROWDS = ((1, "shared"), (2, "shared"), (2, "own"))
ATTEMPTS = (1, 2, "repeat")
PAGES = ("neighbour", "target")
ABLATIONS: tuple[dict[str, bool | str], ...] = (
    {"fence": False},
    {"reference": False},
    {"mapping_recheck": False},
    {"recheck_order": "mapping_first"},
)
COLUMNS = (
    *("scheme", "options", "actor", "unmap_retry", "walk", "punch_hole", "bug1_on", "bug2_on"),
    "precheck",
    *("threads", "tables", "attempts", "page", "pages", "memory", "increment", "lock_page"),
    *("states", *property_names()),
)
BOUND = 20_000_000


def crowds(scope: Scope) -> Iterator[Scope]:
    """Yield a scope with one thread and with two, each number of faults, both kinds of page."""
    for (threads, tables), attempts, page in product(CROWDS, ATTEMPTS, PAGES):
        yield replace(scope, threads=threads, tables=tables, attempts=attempts, page=page)


def variants(scheme: str) -> Iterator[Scope]:
    """Yield a scheme with every way to unmap, with and without the pre-check if it has one."""
    plain = Scope(scheme)
    checked = [plain.with_scheme(precheck=True)] if scheme == LOCKLESS else []
    for (retry, walk), whole in product(UNMAPPINGS, (plain, *checked)):
        yield whole.against(unmap_retry=retry, walk=walk)


def scopes() -> Iterator[Scope]:
    """Yield all scopes of the study; some more than once."""
    for name in registry.names():
        for variant in variants(name):
            yield from crowds(variant)
            yield replace(variant, threads=3)
        for memory in MEMORY[1:]:
            yield from crowds(Scope(name, memory=memory))
        for actor, memory, page in product(("truncate", "reclaim", "munmap"), MEMORY, PAGES):
            for threads, tables in CROWDS:
                yield Scope(
                    name, actor=actor, memory=memory, page=page, threads=threads, tables=tables
                )
        for pages, (threads, tables) in product(PAGES, CROWDS):
            yield Scope(name, pages=2, page=pages, threads=threads, tables=tables)
        for actor in ("invalidate", "truncate", "reclaim", "munmap"):
            yield Scope(name, actor=actor, threads=2, memory="lkmm", acquire_only=True)
    for variant in variants(LOCKLESS):
        for memory, (threads, tables) in product(MEMORY[1:], CROWDS):
            yield replace(variant, memory=memory, threads=threads, tables=tables)
        for bug1, bug2 in ((False, True), (True, False), (False, False)):
            for threads, tables in CROWDS:
                for attempts in ATTEMPTS:
                    quiet = variant.against(bug1=bug1, bug2=bug2)
                    yield replace(quiet, threads=threads, tables=tables, attempts=attempts)
    yield from parts()
    yield from repairs()
    yield from truncations()


def parts() -> Iterator[Scope]:
    """Yield the lockless scheme without one of its parts, with the BUG_ONs and without."""
    for bugs in (True, False):
        whole = Scope(LOCKLESS).against(bug1=bugs, bug2=bugs)
        for memory, (threads, tables), page in product(MEMORY, CROWDS, PAGES):
            here = replace(whole, memory=memory, threads=threads, tables=tables, page=page)
            yield here
            for options in ABLATIONS:
                less = here.with_scheme(**options)
                yield less
                if memory != "sc":
                    yield replace(less, plain_increment=True)
            if memory != "sc":
                yield replace(here, plain_increment=True)
            if memory == "lkmm":
                yield replace(here, acquire_only=True)
    for actor in ("truncate", "reclaim", "munmap"):
        for options, memory in product(ABLATIONS, MEMORY):
            yield Scope(LOCKLESS, actor=actor, threads=2, memory=memory).with_scheme(**options)


def repairs() -> Iterator[Scope]:
    """Yield the two combinations of small repairs, where they are hardest, and without parts."""
    checked = Scope(LOCKLESS).with_scheme(precheck=True)
    both = (
        checked.against(walk="every_table"),
        checked.against(unmap_retry="before_bug", bug2=False),
    )
    for repair, (threads, tables), page in product(both, CROWDS, PAGES):
        here = replace(repair, threads=threads, tables=tables, page=page, attempts="repeat")
        for memory in MEMORY:
            yield replace(here, memory=memory)
        yield replace(here, memory="lkmm", acquire_only=True)
    for repair in both:
        yield replace(repair, threads=3, tables="own")
        yield replace(repair, threads=2, pages=2, tables="own")
        for options, memory in product(ABLATIONS, MEMORY):
            here = replace(repair, threads=2, memory=memory).with_scheme(**options)
            yield here
            if memory == "lkmm":
                yield replace(here, acquire_only=True)
            if memory != "sc":
                yield replace(here, plain_increment=True)


def truncations() -> Iterator[Scope]:
    """Yield the lockless scheme against truncation and against a hole: each walk, pre-check, part.

    What the repair of both sides needs is asked where it is hardest, too.
    """
    ways = [{"walk": walk, "punch_hole": hole} for walk, hole in product(WALKS, (False, True))]
    for way, precheck, bug2 in product(ways, (False, True), (True, False)):
        whole = Scope(LOCKLESS).with_scheme(precheck=precheck).against("truncate", bug2=bug2, **way)
        yield whole
        yield replace(whole, attempts=2)
        for memory, (threads, tables), page in product(MEMORY, CROWDS, PAGES):
            yield replace(whole, memory=memory, threads=threads, tables=tables, page=page)
        for tables in ("shared", "own"):
            yield replace(whole, threads=2, tables=tables, memory="lkmm", acquire_only=True)
    for way, options, memory in product(ways, ABLATIONS, MEMORY):
        yield (
            replace(Scope(LOCKLESS), threads=2, memory=memory)
            .with_scheme(**options)
            .against("truncate", bug2=False, **way)
        )
    for way in ways:
        both = Scope(LOCKLESS).with_scheme(precheck=True).against("truncate", **way)
        yield replace(both, threads=3, tables="own")
        yield replace(both, threads=2, pages=2, tables="own")
        for (threads, tables), page in product(CROWDS, PAGES):
            here = replace(both, threads=threads, tables=tables, page=page, attempts="repeat")
            for memory in MEMORY:
                yield replace(here, memory=memory)
            yield replace(here, memory="lkmm", acquire_only=True)
        for memory in MEMORY:
            bare = replace(both.with_scheme(fence=False), threads=2, memory=memory)
            yield bare
            if memory == "lkmm":
                yield replace(bare, acquire_only=True)
            if memory != "sc":
                yield replace(bare, plain_increment=True)


def explored(scope: Scope) -> dict[str, Any]:
    """Return a row for a scope: the length of the shortest trace, or the verdict, by property."""
    verdicts = check(scope, bound=BOUND).verdicts
    row = scope.described()
    invalidate = row.pop("invalidate")
    row |= {"unmap_retry": invalidate["unmap_retry"], "walk": invalidate["walk"]}
    row["punch_hole"] = dict(scope.actor_options).get("punch_hole", False)
    row |= {"bug1_on": invalidate["bug1"], "bug2_on": invalidate["bug2"]}
    other = {k: v for k, v in scope.scheme_options if k != "precheck"}
    row["options"] = " ".join(f"{k}={str(v).lower()}" for k, v in other.items())
    row["increment"] = "plain" if scope.plain_increment else "locked"
    row["lock_page"] = "acquire" if scope.acquire_only else "full"
    row["states"] = verdicts[0].states
    for verdict in verdicts:
        row[verdict.name] = verdict.verdict if verdict.steps is None else verdict.steps
    return row


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [row[name] for name in COLUMNS]
        writer.writerow([str(v).lower() if isinstance(v, bool) else v for v in values])
    return text.getvalue()


def cell(rows: list[dict[str, Any]], name: str) -> str:
    """Return the verdict on a property over several scopes, with the shortest trace."""
    found = [row[name] for row in rows]
    steps = [value for value in found if isinstance(value, int)]
    if steps:
        return f"**{min(steps)}**"
    return "never" if set(found) == {"never"} else "unknown"


def matching(rows: list[dict[str, Any]], wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows with certain values."""
    return [row for row in rows if wanted.items() <= row.items()]


WHO: dict[str, dict[str, Any]] = {
    "1 thread, 1 fault": {"threads": 1, "attempts": 1},
    "1 thread, 2 faults": {"threads": 1, "attempts": 2},
    "2 threads": {"threads": 2, "attempts": 1, "tables": "shared"},
    "2 processes": {"threads": 2, "attempts": 1, "tables": "own"},
}
TRUNCATED = {who: crowd for who, crowd in WHO.items() if who != "1 thread, 2 faults"}
PLAIN: dict[str, Any] = {"scheme": LOCKLESS, "memory": "sc", "options": "", "pages": 1}
PLAIN |= {"page": "neighbour", "bug1_on": True, "bug2_on": True}


def as_table(rows: list[dict[str, Any]]) -> str:
    """Return the lockless scheme's repairs as a table: shortest traces, or never."""
    head = [f"{bug}, {who}" for bug in ("bug1", "bug2") for who in WHO]
    lines = [f"| unmapping again | walk | pre-check | {' | '.join(head)} |", "|---" * 11 + "|"]
    for (retry, walk), precheck in product(UNMAPPINGS, (False, True)):
        wanted = {**PLAIN, "actor": "invalidate", "unmap_retry": retry, "walk": walk}
        wanted |= {"precheck": precheck}
        cells = [
            cell(matching(rows, {**wanted, **crowd}), bug)
            for bug in ("bug1", "bug2")
            for crowd in WHO.values()
        ]
        checked = "yes" if precheck else "no"
        lines.append(f"| `{retry}` | `{walk}` | {checked} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def as_truncation_table(rows: list[dict[str, Any]]) -> str:
    """Return bug2 against truncation and against a hole as a table: shortest traces, or never."""
    head = [f"{memory}, {who}" for memory in MEMORY for who in TRUNCATED]
    lines = [f"| what is done | walk | pre-check | {' | '.join(head)} |"]
    lines.append("|---" * (3 + len(head)) + "|")
    for hole, walk, precheck in product((False, True), WALKS, (False, True)):
        wanted = {**PLAIN, "actor": "truncate", "punch_hole": hole, "walk": walk}
        wanted |= {"precheck": precheck, "lock_page": "full"}
        cells = [
            cell(matching(rows, {**wanted, "memory": memory, **crowd}), "bug2")
            for memory in MEMORY
            for crowd in TRUNCATED.values()
        ]
        done, checked = "hole" if hole else "truncation", "yes" if precheck else "no"
        lines.append(f"| {done} | `{walk}` | {checked} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Explore everything, then write the results or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("-j", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    todo = list(dict.fromkeys(scopes()))
    for scope in todo:  # now, not after minutes
        refuse_nonsense(scope)
    check(todo[0])  # compiled once, before there are several processes
    begun = time.monotonic()
    with ProcessPoolExecutor(arguments.j) as pool:
        rows = list(pool.map(explored, todo, chunksize=8))
    states = sum(row["states"] for row in rows)
    print(f"{len(todo)} scopes, {states:,} states, {time.monotonic() - begun:.0f} s")
    results = {"verdicts.csv": as_csv(rows), "table.md": as_table(rows)}
    results["truncation.md"] = as_truncation_table(rows)
    if arguments.check:
        different = [name for name, text in results.items() if (HERE / name).read_text() != text]
        print("different: " + ", ".join(different) if different else "the same as before")
        return int(bool(different))
    for name, text in results.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
