"""Real bugs of Linux found again: every version of every shipped protocol, in every memory model.

``python experiments/known_races/study.py`` writes ``verdicts.csv`` and ``table.md`` next to itself
in two minutes of processor time; ``--check`` compares with what is there instead.
``docs/races.md`` says what it means.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dessim import registry
from dessim.engines.explorer.world import ScopeError
from dessim.study.check import check_protocol, protocol_scope

HERE = Path(__file__).parent
MODELS = ("sc", "tso", "pso", "lkmm")
BOUND = 1_200_000
COLUMNS = (
    *("protocol", "options", "property", "memory", "known", "verdict", "steps", "states"),
    *("larger_verdict", "larger_steps", "larger_states"),
)
WORDS = {"n": "never", "s": "sometimes", "-": ""}


@dataclass(frozen=True)
class Case:
    """A version of a protocol, one of its properties, and what is known of it.

    ``known`` has a letter for each model: never, sometimes, or that nobody said it.
    """

    protocol: str
    property: str
    known: str
    options: dict[str, Any] = field(default_factory=dict)


def versions(protocol: str, name: str, known: dict[str, str]) -> Iterator[Case]:
    """Yield several versions of a protocol."""
    for version, letters in known.items():
        yield Case(protocol, name, letters, {"version": version})


ASLEEP, LOST = "deadlock", "no_store_lost"
CASES = (
    *versions(
        "killed_waiter",
        ASLEEP,
        {
            "before": "ssss",
            "after": "nnnn",
            "plain_unlock": "nsss",
            "fenced_unlock": "nnnn",
            "passed_on": "----",
        },
    ),
    *(
        Case("vma_lock_release", "bug_on", known, {"store": store, "load": load})
        for store, load, known in (
            ("plain", "plain", "nnss"),
            ("release", "plain", "nnns"),
            ("plain", "acquire", "nnss"),
            ("release", "acquire", "nnnn"),
        )
    ),
    *versions(
        "anon_vma_check",
        "bug_on",
        {
            "before": "ssss",
            "after": "nnnn",
            "test_again": "ssss",
            "mmap_lock": "nnnn",
            "in_rcu": "nnnn",
        },
    ),
    Case("anon_vma_check", "adopted_from_dead", "ssss", {"version": "in_rcu"}),
    *versions(
        "hole_punch",
        "stale_data",
        {
            "before": "ssss",
            "after": "nnnn",
            "submitted": "nnnn",
            "early_lookup": "ssss",
            "removal_only": "ssss",
        },
    ),
    Case("hole_punch", ASLEEP, "ssss", {"version": "inode_lock"}),
    *versions("lost_dirty", LOST, {"A": "sss-", "B": "sss-", "C": "nnn-", "C_peek": "sss-"}),
    *(
        Case("lost_dirty", LOST, known, {"version": version, "mapped_twice": True})
        for version, known in (("A", "sss-"), ("B", "nnn-"), ("C", "nnn-"))
    ),
    *(
        Case("lost_dirty", LOST, known, {"version": version, "one_cpu": True, "preemptible": can})
        for version, can, known in (
            ("A", True, "sss-"),
            ("A", False, "nnn-"),
            ("B", True, "nnn-"),
            ("C", True, "nnn-"),
        )
    ),
    *versions("dirty_cow", "file_written", {"before": "ssss", "after": "nnnn", "keep_ptl": "nnnn"}),
    Case("dirty_cow", "file_written", "ssss", {"version": "no_dirty_test", "reader": True}),
    Case("dirty_cow", "file_written", "nnnn", {"version": "after", "reader": True}),
    Case("dirty_cow", "file_written", "nnnn", {"version": "before", "write_locked": True}),
    *versions("stack_rot", "bug_on", {"before": "ssss", "after": "nnnn", "in_rcu": "nnnn"}),
    *versions("mremap_flush", "freed_page_written", {"before": "sss-", "after": "nnn-"}),
    *versions(
        "gup_fork", "pinned_page_shared", {"before": "ssss", "after": "nnn-", "check_first": "----"}
    ),
    *versions("swap_twice", LOST, {"before": "ssss", "after": "nnnn", "late": "----"}),
    *versions("futex_waiters", ASLEEP, {"before": "nn-s", "after": "nnnn", "no_fence": "-s--"}),
)


def explored(case: Case) -> list[dict[str, Any]]:
    """Return the rows of a case, one a model: as it is, and with a thread more."""
    one = registry.load_protocol(case.protocol)
    more = int(one.options["threads"]) + 1
    rows = []
    for memory, letter in zip(MODELS, case.known, strict=True):
        row = {
            "protocol": case.protocol,
            "options": words_of(case.options),
            "property": case.property,
            "memory": memory,
            "known": WORDS[letter],
        }
        row |= verdict_of(case, case.options, memory, "")
        row |= verdict_of(case, case.options | {"threads": more}, memory, "larger_")
        rows.append(row)
    return rows


def words_of(options: dict[str, Any]) -> str:
    """Return options as they are set."""
    on = {True: "on", False: "off"}
    said = (f"{k}={on[v] if isinstance(v, bool) else v}" for k, v in options.items())
    return " ".join(said)


def verdict_of(case: Case, options: dict[str, Any], memory: str, prefix: str) -> dict[str, Any]:
    """Return what comes of a case in one model; it is refused if the model lacks some step."""
    try:
        found = check_protocol(
            protocol_scope(case.protocol, options, memory), (case.property,), BOUND
        )
    except ScopeError:
        return {f"{prefix}verdict": "refused", f"{prefix}steps": "", f"{prefix}states": ""}
    (verdict,) = found.verdicts
    return {
        f"{prefix}verdict": verdict.verdict,
        f"{prefix}steps": "" if verdict.steps is None else verdict.steps,
        f"{prefix}states": verdict.states,
    }


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as the text of a file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def cell(row: dict[str, Any]) -> str:
    """Return the verdicts of one row; bold where they are not what is known."""
    here, larger = str(row["verdict"]), str(row["larger_verdict"])
    if here == "refused":
        return "-"
    text = f"{here} ({row['steps']})" if str(row["steps"]) else here
    if larger != here:
        text += f"; {larger}" + (f" ({row['larger_steps']})" if str(row["larger_steps"]) else "")
    differs = row["known"] and {here, larger} != {row["known"]}
    return f"**{text}**" if differs else text


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of the note: a version a line, a model a column."""
    lines = [
        "| protocol | version | property | known | sc | tso | pso | lkmm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for first in range(0, len(rows), len(MODELS)):
        some = rows[first : first + len(MODELS)]
        known = [str(row["known"]) or "-" for row in some]
        said = known[0] if len(set(known)) == 1 else ", ".join(known)
        if set(known[:3]) == {known[0]} and known[3] == "-" and known[0] != "-":
            said = known[0]
        cells = (f"`{some[0]['protocol']}`", some[0]["options"], f"`{some[0]['property']}`", said)
        lines.append(f"| {' | '.join((*map(str, cells), *map(cell, some)))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the files, or compare with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the files")
    check = parser.parse_args().check
    rows = [row for case in CASES for row in explored(case)]
    made = {"verdicts.csv": as_csv(rows), "table.md": table(rows)}
    if check:
        wrong = [name for name, text in made.items() if (HERE / name).read_text() != text]
        print(f"differs: {', '.join(wrong)}" if wrong else "as it was")
        return 1 if wrong else 0
    for name, text in made.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
