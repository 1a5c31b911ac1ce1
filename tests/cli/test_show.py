"""`dessim show` and `list` of schemes and actors, and names that nothing has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dessim import registry
from dessim.cli import known
from dessim.registry.parts import WRITES
from tests.typing_in import typed

OWN_ACTOR = '''"""Actor ``looker``: it only looks."""

from dessim.kernel.alphabet import count

OPTIONS = {"slowly": False}
ACTOR = (count("invalidations"),)
ALONGSIDE_WRITES = True
'''


@pytest.mark.parametrize("name", registry.actor_names())
def test_show_actor_tells_source_options_and_steps(name: str) -> None:
    """The whole docstring, each option with its default, what it goes with, numbered steps."""
    actor = registry.load_actor(name)
    text = typed("show", "actor", name).stdout
    assert text.startswith(actor.description)
    options = [f"{key}={str(value).lower()}" for key, value in actor.options.items()]
    assert f"\nOptions: {', '.join(options) or 'none'}\n" in text
    writes = ", anonymous, write_shared, write_private" if actor.alongside_writes else ""
    assert f"\nAlongside faults: read{writes}\n" in text
    steps = registry.program_of_actor(actor, {}).listing
    numbered = "".join(f"{i:>4}  {step}\n" for i, step in enumerate(steps))
    assert text.endswith(f"\n\nProgram:\n{numbered}")


def test_show_actor_as_json_is_the_same_for_programs() -> None:
    """Values of options by name, words that they take, options that exclude each other, steps."""
    found = json.loads(typed("show", "actor", "invalidate_range", "--format", "json").stdout)
    assert found["name"] == "invalidate_range"
    assert found["options"]["bug1"] is True
    assert found["choices"]["walk"] == ["if_mapped", "every_table"]
    assert found["excluded"] == [{"unmap_retry": "until_unmapped", "walk": "every_table"}]
    assert found["alongside_faults"] == ["read"]
    assert found["steps"][:3] == ["pause", "begin", "pick range"]
    text = typed("show", "actor", "invalidate_range").stdout
    assert "\nExclude each other: unmap_retry=until_unmapped and walk=every_table\n" in text


def test_show_actor_takes_the_short_name_of_check() -> None:
    """`--actor invalidate` and `show actor invalidate` are the same actor."""
    short, full = (
        typed("show", "actor", name).stdout for name in ("invalidate", "invalidate_range")
    )
    assert short == full


def test_show_actor_finds_your_own(empty_folder: Path) -> None:
    """A file in ./actors, as text and as JSON."""
    (empty_folder / "actors").mkdir()
    (empty_folder / "actors" / "looker.py").write_text(OWN_ACTOR)
    assert "Options: slowly=false\n" in typed("show", "actor", "looker").stdout
    found = json.loads(typed("show", "actor", "looker", "--format", "json").stdout)
    assert found["alongside_faults"] == ["read", "anonymous", "write_shared", "write_private"]


def test_show_scheme_as_json_has_its_steps_only() -> None:
    """No docstring among the steps, and what the scheme promises and supports by name."""
    found = json.loads(typed("show", "scheme", "linux_6_12", "--format", "json").stdout)
    scheme = registry.load("linux_6_12")
    assert found["steps"] == list(registry.thread_program(scheme, {}, 4).listing)
    assert found["options"] == scheme.options
    assert found["faults"] == ["read", *(kind for kind in WRITES if kind in scheme.faults)]
    assert found["promises"] == list(scheme.promises)


def test_list_names_the_versions_of_linux() -> None:
    """Text and JSON name the very schemes that can be run."""
    assert known.versions() == {"linux": registry.columns()}
    named = f"versions: {', '.join(registry.columns())}\n"
    assert named in typed("list", "schemes").stdout
    entries = json.loads(typed("list", "schemes", "--format", "json").stdout)
    assert [one["versions"] for one in entries if "versions" in one] == [registry.columns()]


def test_list_says_which_kinds_can_be_shown() -> None:
    """The heading of a kind that `show` takes names the command; others do not."""
    out = typed("list").stdout
    for kind in known.SHOWN:
        assert f"{kind}s:  (more: `dessim show {kind} NAME`)\n" in out
    assert "\nprotocols:\n" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "show scheme reclaim",
            "no scheme is named 'reclaim', but an actor is: `dessim show actor",
        ),
        ("show scheme reclaim --format json", "but an actor is: `dessim show actor reclaim`"),
        ("show actor linux_6_12", "but a scheme is: `dessim show scheme linux_6_12`"),
        ("show actor reclam", "did you mean 'reclaim'? `dessim list actors` lists them all"),
        ("run page-fault1", "but a workload is: `dessim show workload page-fault1`"),
        ("run exti-storm", "did you mean 'exit-storm' or 'exec-storm'? `dessim list experiments`"),
        ("trace STORM", "did you mean 'exec-storm' or 'exit-storm'?"),
        ("explain nothing-like-it", "'nothing-like-it'; `dessim list experiments` lists them all"),
        ("validate --machine graviton", "did you mean 'graviton2-1s'? `dessim list machines`"),
        (f"run {'x' * 999}", f"'{'x' * 60}'…; `dessim list experiments`"),
        ("check gang_lookup", "did you mean 'gang_lookup_mapcount'? `dessim list schemes`"),
        ("check linux_6_12 --actor reclam", "did you mean 'reclaim'? `dessim list actors`"),
    ],
)
def test_a_name_that_nothing_has_gets_one_line(words: str, said: str, empty_folder: Path) -> None:
    """What has that name or the nearest names, and how to see all; exit code 2."""
    done = typed(*words.split())
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 160
    assert done.stdout == ""


def test_a_file_that_is_no_scheme_still_says_why(empty_folder: Path) -> None:
    """Of a file of that name dessim says what it lacks, not that no name is near."""
    (empty_folder / "schemes").mkdir()
    (empty_folder / "schemes" / "mine.py").write_text("X = 1\n")
    assert "defines no SLOW_PATH" in typed("show", "scheme", "mine").stderr
    (empty_folder / "schemes" / "mine.py").write_text("SLOW_PATH = ()\n")
    assert "needs FAULT_AROUND" in typed("show", "scheme", "mine").stderr
