"""`dessim check`: the contract of its JSON, its tables, traces, replays, exit codes and errors."""

import json

import pytest
from click.testing import CliRunner, Result

from dessim import registry
from dessim.cli import main
from dessim.report.text import check as text
from dessim.study.check import CheckError, Scope, property_names, small_world_of

KEYS = [
    *("scheme", "invalidate", "actor", "precheck", "threads", "tables", "attempts", "page"),
    *("pages", "memory", "scheme_options", "actor_options"),
    *("property", "verdict", "steps", "states"),
]
EXAMPLE = (
    "gang_lookup_mapcount --actor invalidate --unmap-retry before_bug --bug2 off --threads 2"
    " --tables own --attempts 1 --page neighbour --memory sc"
)
BUG1 = "1-1-1-1-a-a-a-a-1-a"


def run(line: str) -> Result:
    """Run `dessim check` with some words."""
    return CliRunner().invoke(main, ["check", *line.split()])


def rows_of(line: str) -> list[dict]:
    """Run `dessim check` and return its rows."""
    result = run(f"{line} --format json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_rows_have_the_keys_of_the_contract():
    """Each row has exactly these keys, in this order, and the invalidation has its four."""
    rows = rows_of(EXAMPLE)
    assert [list(row) for row in rows] == [KEYS] * len(property_names())
    assert rows[0]["invalidate"] == {
        "unmap_retry": "before_bug",
        "walk": "if_mapped",
        "bug1": True,
        "bug2": False,
    }
    assert [row["property"] for row in rows] == list(property_names())
    wanted = {
        "scheme": "gang_lookup_mapcount",
        "actor": "invalidate",
        "precheck": False,
        "threads": 2,
        "tables": "own",
        "attempts": 1,
        "page": "neighbour",
        "pages": 1,
        "memory": "sc",
    }
    assert {key: rows[0][key] for key in wanted} == wanted
    by_name = {row["property"]: row for row in rows}
    assert (by_name["bug1"]["verdict"], by_name["bug1"]["steps"]) == ("sometimes", 28)
    assert (by_name["bug2"]["verdict"], by_name["bug2"]["steps"]) == ("never", None)
    assert all(row["states"] > 1000 for row in rows)


@pytest.mark.parametrize(
    ("flag", "key", "value"),
    [
        ("--actor truncate", "actor", "truncate"),
        ("--actor none", "actor", "none"),
        ("--precheck", "precheck", True),
        ("--threads 3", "threads", 3),
        ("--threads 2 --tables own", "tables", "own"),
        ("--attempts 2", "attempts", 2),
        ("--attempts repeat", "attempts", "repeat"),
        ("--page target", "page", "target"),
        ("--pages 2", "pages", 2),
        ("--memory tso", "memory", "tso"),
        ("--memory lkmm", "memory", "lkmm"),
        ("--memory weak", "memory", "lkmm"),
    ],
)
def test_every_key_can_be_chosen(flag, key, value):
    """A flag chooses each key of a row."""
    (row,) = rows_of(f"gang_lookup_mapcount {flag} --property bug2")
    assert row[key] == value


@pytest.mark.parametrize("memory", ["weak", "arm", ""])
def test_a_scope_with_an_unknown_memory_model_is_refused(memory):
    """From Python, too; results of old runs say ``weak``, and the message says what that is now."""
    with pytest.raises(CheckError) as refused:
        small_world_of(Scope("gang_lookup_mapcount", memory=memory))
    assert str(refused.value) == (
        f"memory must be sc, tso, pso or lkmm (weak is now lkmm), found {memory!r}"
    )


@pytest.mark.parametrize("retry", ["none", "before_bug", "always_bug", "until_unmapped"])
@pytest.mark.parametrize("walk", ["if_mapped", "every_table"])
@pytest.mark.parametrize("bug1", ["on", "off"])
def test_every_key_of_the_invalidation_can_be_chosen(retry, walk, bug1):
    """So can the four options of the invalidation, but for two that exclude each other."""
    flags = f"--unmap-retry {retry} --walk {walk} --bug1 {bug1} --bug2 on --property bug1"
    if (retry, walk) == ("until_unmapped", "every_table"):
        done = run(f"gang_lookup_mapcount {flags}")
        assert done.exit_code == 2
        assert "unmap_retry=until_unmapped and walk=every_table of 'invalidate_range' exclude" in (
            done.stderr
        )
        return
    (row,) = rows_of(f"gang_lookup_mapcount {flags}")
    assert row["invalidate"] == {
        "unmap_retry": retry,
        "walk": walk,
        "bug1": bug1 == "on",
        "bug2": True,
    }
    if bug1 == "off":
        assert row["verdict"] == "never"


def test_properties_can_be_chosen():
    """--property, once or several times, chooses the rows."""
    rows = rows_of("gang_lookup_mapcount --property deadlock --property bug1")
    assert [row["property"] for row in rows] == ["deadlock", "bug1"]


def test_the_core_table_names_every_scheme_and_every_repair():
    """Without a scheme: one line for each scheme and repair, bug1 and bug2, and nothing unknown."""
    result = run("")
    assert result.exit_code == 0
    assert "unknown" not in result.output
    rows = rows_of("")
    assert {row["scheme"] for row in rows} == set(registry.names())
    assert {row["property"] for row in rows} == {"bug1", "bug2"}
    assert {row["invalidate"]["unmap_retry"] for row in rows} == {
        *("none", "before_bug", "always_bug", "until_unmapped")
    }
    safe = [row for row in rows if registry.load(row["scheme"]).promises]
    assert {row["verdict"] for row in safe} == {"never"}
    table, _, said = result.output.partition("\n\n")
    assert len(table.splitlines()) == 1 + len(rows) // 2 + len(registry.names())
    assert "in all of them: actor invalidate, tables shared, attempts 1, page neighbour," in said


def test_the_core_table_fits_a_terminal_and_ends_with_the_answer(monkeypatch):
    """Schemes head their lines; the last sentence says where a BUG_ON fires."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("").output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "gang_lookup_mapcount" in lines
    answer = " ".join(map(str.strip, lines)).partition("bug1 or bug2: ")[2]
    assert answer.startswith("sometimes for gang_lookup_mapcount in 18 of 20 scopes; never for")
    assert answer.endswith(", radix_walk_trylock")


def test_a_table_that_is_too_wide_puts_what_is_particular_below(monkeypatch):
    """As with options of a scheme of your own that have long names: nothing is cut off."""
    row = {"actor": "invalidate", "actor_options": {}, "threads": 1, "tables": "shared", "pages": 1}
    row |= {"attempts": 1, "page": "neighbour", "memory": "sc", "states": 12_345, "steps": 9}
    options = ({"takes_the_lock_late": True}, {"takes_the_lock_late": False, "threshold": 70})
    scopes = [
        [
            row | {"scheme": scheme, "scheme_options": some, "property": name, "verdict": "never"}
            for name in ("bug1", "stale_mapping")
        ]
        for scheme in ("mine", "yours")
        for some in options
    ]
    wide = text.table_text(scopes).splitlines()
    assert wide[0].split() == ["variant", "bug1", "stale_mapping", "states"]
    monkeypatch.setenv("COLUMNS", "60")
    lines = text.table_text(scopes).splitlines()
    assert max(map(len, lines)) <= 60
    assert [line.strip() for line in lines[:5]] == [
        *("bug1       stale_mapping  states", "variant", "mine"),
        *("never (9)  never (9)      12,345", "takes_the_lock_late"),
    ]
    assert lines.count("      threshold=70, no takes_the_lock_late") == 2


def test_the_answer_says_what_was_not_decided():
    """A search that was cut short proves nothing."""
    rows = [[{"scheme": "mine", "property": "bug1", "verdict": v}] for v in ("never", "unknown")]
    assert text.answer(rows) == "bug1: not decided for mine in 1 of 2 scopes"
    rows.append([{"scheme": "mine", "property": "bug1", "verdict": "sometimes"}])
    assert text.answer(rows) == (
        "bug1: sometimes for mine in 1 of 3 scopes; not decided for mine in 1 of 3 scopes"
    )


def test_a_scheme_shows_its_shortest_trace(monkeypatch):
    """`dessim check gang_lookup_mapcount` prints the ten steps to bug1, numbered, in columns."""
    monkeypatch.setenv("COLUMNS", "100")
    result = run("gang_lookup_mapcount")
    assert result.exit_code == 0, "it promises nothing"
    lines = result.output.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("bug1 in 10 steps"))
    assert lines[head + 1].split() == ["thread", "1", "invalidate"]
    trace = lines[head + 2 : head + 12]
    assert [int(line.split()[0]) for line in trace] == list(range(1, 11))
    assert trace[-1].endswith("BUG_ON(page_mapped(page)) fires: BUG1   <- bug1")
    assert lines[head + 12] == f"replay: {BUG1}"


def test_trace_shows_all_that_was_found():
    """--trace prints a trace for each violated property, livelock with its circle."""
    options = "--unmap-retry until_unmapped --attempts repeat"
    output = run(f"gang_lookup_mapcount {options} --trace").output
    for name in ("bug1", "bug2", "livelock"):
        assert f"\n{name} in " in output
    assert output.count("replay: ") == 3
    assert output.count("from here in a cycle") == 1


@pytest.mark.parametrize("engine", ["explorer", "reference"])
def test_replay(engine):
    """A schedule is replayed by either engine, and judged."""
    result = run(f"gang_lookup_mapcount --replay {BUG1} --engine {engine}")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "violated: bug1"
    said = json.loads(run(f"gang_lookup_mapcount --replay {BUG1} --format json").stdout)
    assert [line["task"] for line in said] == [0, 0, 0, 0, 1, 1, 1, 1, 0, 1]
    assert said[-1]["wrong"] == ["bug1"]


def test_replay_of_a_part():
    """A schedule may end anywhere."""
    result = run("gang_lookup_mapcount --replay 1-1-a")
    assert result.output.splitlines()[-1] == "violated: nothing"


def test_a_broken_promise_is_exit_code_1(monkeypatch):
    """If something happens that a scheme promises never to happen, the exit code says so."""
    from dessim.schemes import gang_lookup_mapcount

    monkeypatch.setattr(gang_lookup_mapcount, "PROMISES", ("bug1",))
    result = run("gang_lookup_mapcount")
    assert result.exit_code == 1
    assert "promises that bug1 never happens, but it happens in 10 steps" in result.stderr
    assert run("gang_lookup_mapcount --property bug2").exit_code == 0
    assert run(f"gang_lookup_mapcount --replay {BUG1}").exit_code == 1
    assert run("gang_lookup_mapcount --replay 1-1").exit_code == 0


@pytest.mark.parametrize("scheme", registry.names())
def test_promises_are_kept(scheme):
    """What each scheme of the folder promises holds beside every actor."""
    for actor in registry.actor_names():
        assert run(f"{scheme} --threads 2 --actor {actor}").exit_code == 0


def test_a_bound_is_told():
    """With too few states the verdict is unknown, and the message says what to do."""
    result = run("no_fault_around --threads 2 --max-states 100 --property bug1")
    assert result.exit_code == 0
    assert "unknown" in result.stdout
    assert "never" not in result.stdout
    assert "100 states" in result.stderr
    assert "--max-states" in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gang_lookup", "did you mean 'gang_lookup_mapcount'?"),
        ("no_fault_around --precheck", "has no option 'precheck'"),
        ("no_fault_around --actor direct_io", "no actor is named 'direct_io'"),
        ("no_fault_around --threads 4", "threads must be 1 to 3, found 4"),
        ("no_fault_around --pages 3", "pages must be 1 to 2, found 3"),
        ("no_fault_around --attempts 3", "'3' is not one of '1', '2', 'repeat'"),
        ("no_fault_around --unmap-retry twice", "one of none, before_bug"),
        ("no_fault_around --actor reclaim --walk every_table", "--walk is for --actor invalidate"),
        ("no_fault_around --actor none --bug1 off", "--bug1 is for --actor invalidate, not none"),
        ("no_fault_around --lock-page acquire", "needs --memory lkmm"),
        ("no_fault_around --increment plain", "needs --memory tso or lkmm"),
        ("no_fault_around --property bug3", "unknown property 'bug3': there are bug1, bug2"),
        ("--threads 2", "--threads needs a SCHEME"),
        (
            "no_fault_around --engine reference",
            "--engine reference cannot explore: it needs --replay",
        ),
        ("--replay 1-1", "--replay needs a SCHEME"),
        ("no_fault_around --replay 1-x", "'x', matches no task: tasks are 1, a"),
        ("no_fault_around --replay 1-1w1", "'1w1', is impossible: 1, a could move"),
        (
            "gang_lookup_mapcount --memory tso --replay 1 --engine reference",
            "replays --memory sc only",
        ),
    ],
)
def test_errors_name_the_place_and_the_remedy(line, said):
    """Bad input: one message, exit code 2, no traceback."""
    result = run(line)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
